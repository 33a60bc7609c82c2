"""SampleScans: simulated scans in Slicer's Sample Data module, made by the worker when somebody asks for one.

A scan that was made stays in Slicer's cache folder, where Sample Data itself looks for files; so the second time needs
no simulation. Scripts that call ``SampleData.downloadSample`` wait for the first one, as they would for a download.
"""

import logging
import sys
import time
import types
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from radiologycnn.simulation.samples import SAMPLES
from RadiologyCNNLib.WorkerClient import WorkerClient

CATEGORY = "RadiologyCNN"
_SHARED_NAME = "_RadiologyCNNSamples"


def registerSampleScans(population: str, iconsFolder: Path | None = None) -> None:
    """Put the samples of a population ("head-ct", "shoulder-mr") into Sample Data; again after a reload.

    Args:
        iconsFolder: holds ``<key>.png``, the preview on the sample's button, made by
            ``radiologycnn.simulation.sample_thumbnails``; one that is missing leaves the button without a picture.
    """
    try:
        from SampleData import SampleDataLogic
    except ImportError:  # a Slicer without that module
        return
    if hasattr(SampleDataLogic, "registerCustomSampleDataCategory"):  # since Slicer 5.12
        SampleDataLogic.registerCustomSampleDataCategory(CATEGORY, title=CATEGORY)
    registered = SampleDataLogic.sampleDataSourcesByCategory().get(CATEGORY, [])
    for sample in SAMPLES:
        if sample.population != population:
            continue
        registered[:] = [source for source in registered if source.sampleName != sample.key]
        file = cacheFolder() / f"{sample.file_stem}.nrrd"
        picture = iconsFolder / f"{sample.key}.png" if iconsFolder else None
        SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=sample.key,
            uris=file.as_uri(),  # nothing is downloaded: the file is there before anybody looks for it
            fileNames=file.name,
            nodeNames=sample.name,
            thumbnailFileName=str(picture) if picture and picture.is_file() else None,
            customDownloader=loadSampleScan,
        )
    if hasattr(SampleDataLogic, "registerUrlRewriteRule"):  # since Slicer 5.10
        SampleDataLogic.registerUrlRewriteRule(CATEGORY, makeMissingSample)


def makeMissingSample(url: str) -> str:
    """Have a sample made whose file is not there yet; the address stays as it is, also every other one.

    Sample Data asks this for each address before it looks into its cache, which is how ``downloadSample``, that knows
    no other downloader than its own, comes to find the file.

    Raises:
        RuntimeError: it could not be made.
    """
    for sample in SAMPLES:
        file = cacheFolder() / f"{sample.file_stem}.nrrd"
        if url == file.as_uri() and not file.is_file():
            sharedLoader().make(sample.key, sample.name, file)
    return url


def loadSampleScan(source) -> None:
    """Load the scan of a Sample Data source into the scene; where it has to be made first, that happens later."""
    sharedLoader().load(source)


def sharedLoader() -> "SampleScanLoader":
    """The one loader of this Slicer session, kept outside this module so that a reload does not lose its jobs."""
    registry = sys.modules.setdefault(_SHARED_NAME, types.ModuleType(_SHARED_NAME))
    if not hasattr(registry, "loader"):
        registry.loader = SampleScanLoader()
    return registry.loader


def cacheFolder() -> Path:
    """Where Sample Data keeps its files."""
    return Path(slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()).absolute()


class SampleScanLoader:
    """Has the worker make scans, and loads them when they are there.

    Args:
        client: who talks to the worker; None for the one that all panels share, asked for at the first scan.
    """

    def __init__(self, client=None) -> None:
        self._client = client
        self._isConnected = False
        self._jobs = {}  # job: (sample's key, source to load then or None)
        self._failures = {}  # job that a script waits for: why it failed
        self._early = None  # failures that come before the client has returned the job's name

    def load(self, source) -> None:
        """Load the scan; returns at once where it has to be simulated first."""
        file = cacheFolder() / source.fileNames[0]
        if file.is_file():
            self._show(source)
        elif self._jobFor(source.sampleName):
            self._tell(_("{name}: it is being simulated already.").format(name=source.nodeNames[0]))
        else:
            self._tell(_("{name}: simulating, about half a minute ...").format(name=source.nodeNames[0]))
            self._ask(source.sampleName, file, source)

    def make(self, key: str, name: str, file: Path) -> None:
        """Have the scan made and wait for it; for scripts.

        Raises:
            RuntimeError: it could not be made.
        """
        self._tell(_("{name}: simulating, about half a minute ...").format(name=name))
        job = self._jobFor(key) or self._ask(key, file)
        while job in self._jobs:
            slicer.app.processEvents()  # the worker's answers come through the event loop
            time.sleep(0.02)
        error = self._failures.pop(job, None)
        if not file.is_file():
            reason = f"{error.message} {error.hint}".strip() if error else _("It was cancelled.")
            raise RuntimeError(f"{name}: {reason}")

    def _jobFor(self, key: str) -> str:
        return next((job for job, (wanted, _source) in self._jobs.items() if wanted == key), "")

    def _ask(self, key: str, file: Path, source=None) -> str:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._connect()
        self._early = {}
        job = self._client.request("simulate", sample=key, output=str(file))
        self._jobs[job] = (key, source)
        early, self._early = self._early, None
        if job in early:
            self._onFailed(job, early[job])
        return job

    def _connect(self) -> None:
        if self._isConnected:
            return
        if self._client is None:
            self._client = WorkerClient.shared()
        self._client.result.connect(self._onResult)
        self._client.failed.connect(self._onFailed)
        self._client.cancelled.connect(self._onCancelled)
        self._isConnected = True

    def _onResult(self, job, _message) -> None:
        _key, source = self._jobs.pop(job, ("", None))
        if source is not None:
            self._show(source)

    def _onFailed(self, job, error) -> None:
        if job not in self._jobs:
            if self._early is not None:
                self._early[job] = error
            return
        _key, source = self._jobs.pop(job)
        if error.details:
            logging.error("RadiologyCNN worker: %s\n%s", error.code, error.details)
        if source is None:
            self._failures[job] = error
        else:
            slicer.util.errorDisplay(f"{error.message} {error.hint}".strip(), windowTitle=source.nodeNames[0])

    def _onCancelled(self, job) -> None:
        self._jobs.pop(job, None)

    @staticmethod
    def _show(source) -> None:
        from SampleData import SampleDataLogic

        SampleDataLogic().downloadFromSource(source)

    @staticmethod
    def _tell(text: str) -> None:
        logging.info(text)
        slicer.util.showStatusMessage(text, 5000)
