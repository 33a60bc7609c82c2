"""Simulated scans in Sample Data: registered once, made by the worker on a click, loaded when they are there."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

pytestmark = pytest.mark.usefixtures("slicerHost")


@pytest.fixture
def sampleData(monkeypatch):
    """What SampleScans needs of Slicer 5.12's SampleData module, with its rules for caching and loading."""
    import slicer

    sources, rules = {}, {}

    class Source:
        def __init__(self, **fields) -> None:
            self.__dict__.update(fields)
            for name in ("uris", "fileNames", "nodeNames"):
                setattr(self, name, [fields[name]])

    class SampleDataLogic:
        @staticmethod
        def sampleDataSourcesByCategory(category=None):
            return sources if category is None else sources.get(category, [])

        @staticmethod
        def registerCustomSampleDataSource(
            category="Custom", sampleName=None, uris=None, fileNames=None, nodeNames=None, customDownloader=None,
            thumbnailFileName=None,
        ) -> None:  # fmt: skip
            source = Source(
                sampleName=sampleName, uris=uris, fileNames=fileNames, nodeNames=nodeNames,
                customDownloader=customDownloader, thumbnailFileName=thumbnailFileName,
            )  # fmt: skip
            sources.setdefault(category, []).append(source)

        @staticmethod
        def registerUrlRewriteRule(name, rule) -> None:
            rules[name] = rule

        def downloadSample(self, sampleName):
            (source,) = [one for each in sources.values() for one in each if one.sampleName == sampleName]
            return self.downloadFromSource(source)[0]

        def downloadFromSource(self, source):
            for rule in rules.values():
                assert rule("https://example.org/other.nrrd") == "https://example.org/other.nrrd"
                assert rule(source.uris[0]) == source.uris[0]
            folder = slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()
            return [slicer.util.loadVolume(f"{folder}/{source.fileNames[0]}", {"name": source.nodeNames[0]})]

    module = types.ModuleType("SampleData")
    module.SampleDataLogic = SampleDataLogic
    monkeypatch.setitem(sys.modules, "SampleData", module)
    monkeypatch.delitem(sys.modules, "_RadiologyCNNSamples", raising=False)
    return SampleDataLogic


@pytest.fixture
def loader(sampleData, monkeypatch):
    """The shared loader with a worker that answers only what the test tells it to, and an empty cache."""
    from RadiologyCNNLib import SampleScans
    from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

    made = SampleScans.SampleScanLoader(AnswerlessClient())
    monkeypatch.setattr(SampleScans, "sharedLoader", lambda: made)
    SampleScans.cacheFolder().mkdir(parents=True, exist_ok=True)
    for file in SampleScans.cacheFolder().glob("RadiologyCNN-*"):
        file.unlink()
    return made


def sourceOf(sampleData, key):
    from RadiologyCNNLib.SampleScans import CATEGORY

    (source,) = [one for one in sampleData.sampleDataSourcesByCategory(CATEGORY) if one.sampleName == key]
    return source


def requests(loader):
    return [fields for command, fields in loader._client.requests if command == "simulate"]


def test_registering_again_after_a_reload_leaves_one_of_each(sampleData) -> None:
    from radiologycnn.simulation.samples import SAMPLES
    from RadiologyCNNLib.SampleScans import CATEGORY, registerSampleScans

    for population in ("head-ct", "shoulder-mr", "head-ct"):
        registerSampleScans(population)
    keys = [source.sampleName for source in sampleData.sampleDataSourcesByCategory(CATEGORY)]
    assert sorted(keys) == sorted(sample.key for sample in SAMPLES)


def test_click_simulates_in_the_worker_and_loads_the_scan_when_it_is_there(sampleData, loader) -> None:
    import slicer

    from radiologycnn.images import write_image
    from RadiologyCNNLib.SampleScans import registerSampleScans

    registerSampleScans("head-ct")
    source = sourceOf(sampleData, "SimulatedHeadCT")
    source.customDownloader(source)
    source.customDownloader(source)  # an impatient second click
    (asked,) = requests(loader)
    assert asked["sample"] == "SimulatedHeadCT"
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0

    array = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
    write_image(asked["output"], array, np.diag([0.5, 0.5, 4.0, 1.0]))
    loader._onResult(next(iter(loader._jobs)), {"path": asked["output"]})
    (node,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert node.GetName() == "Simulated head CT, bleed"
    assert np.array_equal(slicer.util.arrayFromVolume(node), array)

    source.customDownloader(source)  # now it is in the cache
    assert len(requests(loader)) == 1
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_failure_is_told_and_the_next_click_tries_again(sampleData, loader, slicerHost) -> None:
    from RadiologyCNNLib.SampleScans import registerSampleScans
    from RadiologyCNNLib.WorkerClient import WorkerError

    registerSampleScans("shoulder-mr")
    source = sourceOf(sampleData, "SimulatedShoulderMR")
    source.customDownloader(source)
    job = next(iter(loader._jobs))
    loader._onFailed(job, WorkerError("disk-full", "There is no space left.", "Free some."))
    assert any("no space left" in str(message) for message in slicerHost.messages)
    source.customDownloader(source)
    assert len(requests(loader)) == 2


def test_worker_that_cannot_start_is_told_too(sampleData, loader, slicerHost, monkeypatch) -> None:
    from RadiologyCNNLib.SampleScans import registerSampleScans
    from RadiologyCNNLib.WorkerClient import WorkerError

    def refuse(_command, **_fields) -> str:
        loader._client.failed.emit("job-1", WorkerError("worker-not-started", "It could not be started.", "Reinstall."))
        return "job-1"

    monkeypatch.setattr(loader._client, "request", refuse)
    registerSampleScans("head-ct")
    source = sourceOf(sampleData, "SimulatedHeadCT")
    source.customDownloader(source)
    assert any("could not be started" in str(message) for message in slicerHost.messages)
    assert not loader._jobs


def test_script_that_downloads_a_sample_waits_until_it_is_made(sampleData, loader, monkeypatch) -> None:
    import qt

    from radiologycnn.images import write_image
    from RadiologyCNNLib.SampleScans import registerSampleScans
    from RadiologyCNNLib.WorkerClient import WorkerError

    client, ask, isBroken = loader._client, loader._client.request, [True]

    def answer(job, output) -> None:
        if isBroken.pop() if isBroken else False:
            client.failed.emit(job, WorkerError("disk-full", "There is no space left.", "Free some."))
            return
        write_image(output, np.ones((3, 4, 5), np.int16), np.eye(4))
        client.result.emit(job, {"path": output})

    def request(command, **fields) -> str:
        job = ask(command, **fields)
        timer = qt.QTimer(qt.QApplication.instance())
        timer.setSingleShot(True)
        timer.connect("timeout()", lambda: answer(job, fields["output"]))
        timer.start(20)
        return job

    monkeypatch.setattr(client, "request", request)
    registerSampleScans("shoulder-mr")
    with pytest.raises(RuntimeError, match="no space left"):
        sampleData().downloadSample("SimulatedShoulderMRIntact")
    node = sampleData().downloadSample("SimulatedShoulderMRIntact")
    assert node.GetName() == "Simulated shoulder MR, no tear, OBL COR PD FS, left"
    assert sampleData().downloadSample("SimulatedShoulderMRIntact") is not node
    assert len(requests(loader)) == 2 and not loader._jobs and not loader._failures


def test_another_panels_answers_are_none_of_its_business(sampleData, loader, slicerHost, caplog) -> None:
    """A signal logs what fails in those that hear it, and goes on."""
    from RadiologyCNNLib.SampleScans import registerSampleScans
    from RadiologyCNNLib.WorkerClient import WorkerError

    registerSampleScans("head-ct")
    source = sourceOf(sampleData, "SimulatedHeadCT")
    source.customDownloader(source)
    asked = dict(loader._jobs)
    loader._client.result.emit("another-job", {})
    loader._client.failed.emit("another-job", WorkerError("disk-full", "There is no space left.", "Free some."))
    loader._client.cancelled.emit("another-job")
    assert loader._jobs == asked and len(asked) == 1
    assert not slicerHost.messages and not caplog.records


def test_modules_offer_their_samples_when_slicer_has_started(sampleData, loadModule, slicerHost) -> None:
    from RadiologyCNNLib.SampleScans import CATEGORY

    loadModule("HemorrhageSeg")
    loadModule("RotatorCuffCNN")
    slicerHost.app.startupCompleted.emit()
    keys = {source.sampleName for source in sampleData.sampleDataSourcesByCategory(CATEGORY)}
    assert {"SimulatedHeadCT", "SimulatedShoulderMR"} <= keys
    for source in sampleData.sampleDataSourcesByCategory(CATEGORY):
        picture = source.thumbnailFileName  # a picture of something, small enough for a button
        assert picture and Path(picture).name == f"{source.sampleName}.png"
        pixels = sitk.GetArrayFromImage(sitk.ReadImage(picture))
        assert pixels.shape == (128, 128) and pixels.std() > 20
        assert Path(picture).stat().st_size < 30_000


def test_sample_without_a_picture_is_offered_all_the_same(sampleData, tmp_path) -> None:
    from RadiologyCNNLib.SampleScans import registerSampleScans

    registerSampleScans("head-ct", tmp_path)
    assert sourceOf(sampleData, "SimulatedHeadCT").thumbnailFileName is None
