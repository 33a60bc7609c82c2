"""SampleScans: simulated scans in Slicer's Sample Data module, made by the worker when somebody asks for one.

A scan that was made stays in Slicer's cache folder, where Sample Data itself looks for files; so the second time, and
``SampleData.downloadSample`` in scripts, need no simulation.
"""

import logging
import sys
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
        self._sources = {}
        self._early = None  # failures that come before the client has returned the job's name

    def load(self, source) -> None:
        """Load the scan; returns at once where it has to be simulated first."""
        file = cacheFolder() / source.fileNames[0]
        if file.is_file():
            self._show(source)
        elif any(source.sampleName == waiting.sampleName for waiting in self._sources.values()):
            self._tell(_("{name}: it is being simulated already.").format(name=source.nodeNames[0]))
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._tell(_("{name}: simulating, about half a minute ...").format(name=source.nodeNames[0]))
            self._connect()
            self._early = {}
            job = self._client.request("simulate", sample=source.sampleName, output=str(file))
            self._sources[job] = source
            early, self._early = self._early, None
            if job in early:
                self._onFailed(job, early[job])

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
        source = self._sources.pop(job, None)
        if source is not None:
            self._show(source)

    def _onFailed(self, job, error) -> None:
        source = self._sources.pop(job, None)
        if source is None and self._early is not None:
            self._early[job] = error
        elif source is not None:
            if error.details:
                logging.error("RadiologyCNN worker: %s\n%s", error.code, error.details)
            slicer.util.errorDisplay(f"{error.message} {error.hint}".strip(), windowTitle=source.nodeNames[0])

    def _onCancelled(self, job) -> None:
        self._sources.pop(job, None)

    @staticmethod
    def _show(source) -> None:
        from SampleData import SampleDataLogic

        SampleDataLogic().downloadFromSource(source)

    @staticmethod
    def _tell(text: str) -> None:
        logging.info(text)
        slicer.util.showStatusMessage(text, 5000)
