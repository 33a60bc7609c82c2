"""StudyClinic: the opened RotatorCuffCNN panel with a reader study in a folder, and a clock that the test moves."""

import csv
import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from panels.shoulder_clinic import ShoulderClinic

CASES = ("alpha", "bravo", "charlie", "delta")
SHAPE_KJI = (12, 40, 40)


class Clock:
    """Seconds that the test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class StudyClinic(ShoulderClinic):
    """The panel with a study in a folder; time stands still unless the test moves it."""

    def __init__(self, host, widget, folder: Path, monkeypatch) -> None:
        super().__init__(host, widget)
        self.folder = folder
        self.clock = Clock()
        self.section = widget.readerStudy
        self.study = self.section.ui
        from RotatorCuffCNNLib import ReaderStudySetup

        from radiologycnn.readers.reading import Reading

        def reading(study, reader):
            return Reading(study, reader, self.clock, lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))

        monkeypatch.setattr(ReaderStudySetup, "Reading", reading)
        # the file dialog is the system's own: the test answers for it
        monkeypatch.setattr(self.qt.QFileDialog, "getExistingDirectory", lambda *arguments: str(folder))

    def open(self, reader="R01") -> None:
        if self.ui.readerStudyCollapsibleButton.collapsed:
            self.click(self.ui.readerStudyCollapsibleButton)
        self.click(self.study.studyFolderButton)
        self.study.readerEdit.text = reader

    def startStudy(self, reader="R01") -> None:
        self.open(reader)
        self.click(self.study.startStudyButton)

    def press(self, key) -> None:
        """A key, wherever the keyboard is."""
        from PySide6 import QtTest

        self.host.activate_window()
        target = self.qt.QApplication.focusWidget() or self.host.window
        QtTest.QTest.keyClick(target, getattr(self.qt.Qt, f"Key_{key}"))
        self.host.process_events()

    def read(self, key, seconds=10.0) -> None:
        """Look for some time, then answer with a key."""
        self.clock.seconds += seconds
        self.press(key)

    def readAhead(self) -> str:
        """Let the worker read what the panel asks for beforehand, in this process; returns the file's name."""
        from radiologycnn.worker.jobs import JobRunner
        from radiologycnn.worker.progress import JobProgress

        nextCase = self.section.nextCase
        self.waitFor(lambda: nextCase.key and not nextCase.isReady)
        job, fields = self.sent("prepare_case")
        progress = JobProgress(lambda fraction, stage, remaining: None, lambda: False)
        request = {"cmd": "prepare_case", "job": job, **fields}
        self.client.result.emit(job, JobRunner().run(request, progress, lambda: False))
        self.waitFor(lambda: nextCase.isReady)
        assert not Path(fields["output"]).exists(), "it is in memory, and nowhere else"
        return Path(fields["path"]).name.removesuffix(".nii.gz")

    def rows(self, reader="R01") -> list:
        path = self.folder / "readers" / f"{reader}.csv"
        if not path.is_file():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def backgrounds(self) -> set:
        return {composite.GetBackgroundVolumeID() for composite in self.composites()}

    def shownCase(self) -> str:
        """Which scan is shown, told by its voxels."""
        array = self.slicer.util.arrayFromVolume(self.section.scene.volumeNode)
        return CASES[int(array.max()) - 100]


def writeStudy(folder: Path) -> Path:
    """A study of four scans; the brightest voxel says which one it is."""
    from radiologycnn.images import write_image

    folder.mkdir()
    matrix = np.diag([2.0, 2.0, 4.0, 1.0])
    matrix[:3, 3] = (-40, -30, -20)
    for number, case in enumerate(CASES):
        array = np.zeros(SHAPE_KJI, np.int16)
        array[3:9, 10:30, 10:30] = 60
        array[6, 20, 20] = 100 + number
        write_image(folder / f"{case}.nii.gz", array, matrix)
    (folder / "truth.csv").write_text("case,tear_class\nalpha,None\nbravo,Partial\ncharlie,Small\ndelta,Medium\n")
    return folder


def openedStudy(host, repository, folder, monkeypatch):
    """The panel with the study's folder at hand; afterwards nothing of it is left. For a fixture."""
    widget = host.load_module(repository / "RotatorCuffCNN", select=False)
    clinic = StudyClinic(host, widget, folder, monkeypatch)
    from RadiologyCNNLib.RaterSetting import savedRater, saveRater

    before = savedRater()
    yield clinic
    saveRater(before)
    clinic.section.end()
    clinic.section.setup.closeStudy()
    clinic.section.nextCase.drop()
    clinic.section.results.sceneClosed()
    clinic.ui.readerStudyCollapsibleButton.collapsed = True
    clinic.study.readerEdit.text = ""
    host.clear_scene()
    clinic.slicer.modules.RotatorCuffCNNWidget.logic.client = None


def settings(folder, **values) -> None:
    (folder / "study.json").write_text(json.dumps(values))


def classified(folder, case, peakRas) -> None:
    """What ``radiologycnn classify`` leaves of a case, with this peak."""
    evidence = {
        "target": 3, "method": "cam", "score": 1.0, "peak_ras_mm": list(peakRas), "peak_value": 1.0,
        "threshold": 0.5, "extent_mm": [5, 5, 5], "volume_ml": 0.1,
    }  # fmt: skip
    roi = {
        "centre_lps_mm": [0, 10, 0], "edge_mm": 40, "directions_lps": np.eye(3).tolist(), "automatic": True,
        "confidence": 1,
    }  # fmt: skip
    classification = {
        "probabilities": [0, 0, 0, 1, 0], "predicted": 3, "tear_probability": 1.0, "repeats": None, "side": "right",
        "mirrored": False, "plane": "coronal", "weighting": "T2", "roi": roi, "evidence": [evidence],
    }  # fmt: skip
    home = folder / "network" / case
    home.mkdir(parents=True)
    (home / "classification.json").write_text(json.dumps({"classification": classification}))
