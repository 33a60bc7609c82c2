"""Ranking and improving by real clicks with the real worker, on a folder of small corrected scans."""

import json
import os
import shutil
import sys

import pytest

MAKE_MODEL = """
import sys
from pathlib import Path
from engine.improvable import small_model
small_model(Path(sys.argv[1]))
"""
MAKE = """
import sys
from pathlib import Path
import numpy as np
from engine.improvable import FRESH_HU, corrected_folder
folder = Path(sys.argv[1])
corrected_folder(folder / "good", 12, FRESH_HU)
beside = lambda number, mask: mask if number < 3 else np.roll(mask, (5, 9, 9), (0, 1, 2))
corrected_folder(folder / "bad", 12, FRESH_HU, beside)
lines = (folder / "bad" / "cases.csv").read_text().splitlines()
split = lines[0].split(",").index("split")
for number in (1, 2, 3):  # held out are those that are right
    cells = lines[number].split(",")
    cells[split] = "validation"
    lines[number] = ",".join(cells)
(folder / "bad" / "cases.csv").write_text("\\n".join(lines) + "\\n")
"""


@pytest.fixture(scope="module")
def corrected(madeElsewhere, tmp_path_factory):
    """A folder with a small model and two datasets."""
    folder = tmp_path_factory.mktemp("learning") / "corrected"
    shutil.copytree(madeElsewhere("small-model", MAKE_MODEL) / "models", folder / "models")
    card = folder / "models" / "small-0.2.1" / "model.json"
    description = json.loads(card.read_text())
    description["simulated"] = False  # no simulated scans are mixed in: they take minutes
    card.write_text(json.dumps(description))
    return shutil.copytree(madeElsewhere("corrected", MAKE), folder, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def workerClient(slicerHost):
    """One real worker, which begins with the first request, for all that is learned here: it imports torch once."""
    from RadiologyCNNLib.QtWorkerProcess import makeClient

    client = makeClient()
    yield client
    client.stop()


@pytest.fixture
def learning(room, corrected, workerClient, monkeypatch):
    """The panel with two scans listed, the small model chosen, and a real worker for what is done with the list."""
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(corrected / "models"))
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    jobs = room.widget.jobs
    jobs.abandon()
    jobs.client = workerClient
    room.parts = room.widget.datasetUi
    room.parts.improveCollapsibleButton.collapsed = False
    room.writeScans(2)
    room.openList()
    room.widget.inputs.refreshModels("small-0.2.1")
    room.widget.onModelChosen(room.ui.modelSelector.currentIndex)
    assert room.widget.inputs.modelId == "small-0.2.1"
    yield room
    room.parts.improveCollapsibleButton.collapsed = True
    jobs.client = None  # the process stays for the next test


def useDataset(room, folder) -> None:
    """Keep the annotations in another folder, in which there are corrected scans already."""
    room.folder = folder
    room.qt.QFileDialog.getExistingDirectory = lambda *arguments: str(folder)
    room.click(room.ui.datasetButton)
    assert room.widget.worklist.cases.store.folder == folder


def waitFor(room, condition) -> None:
    assert room.host.process_events(300, until=condition), room.parts.improveLabel.text or room.ui.rankLabel.text


@pytest.mark.slow
def testRankingByTheRealWorkerIsShownAndCanBeCancelled(learning):
    ui = learning.ui
    learning.click(ui.rankButton)
    assert ui.rankButton.text == "Cancel"
    learning.click(ui.rankButton)
    waitFor(learning, lambda: ui.rankButton.text == "Rank the list")
    assert not ui.rankLabel.visible
    stages = []
    learning.widget.jobs.listen(("rank_cases",), progressed=lambda kind, done, stage, left: stages.append(stage))
    learning.click(ui.rankButton)
    waitFor(learning, lambda: ui.rankButton.text == "Rank the list")
    assert "Case 2 of 2" in stages, ui.rankLabel.text
    rows = learning.widget.worklist.cases.rows()
    assert all(0 <= row.uncertainty <= 1 and row.correctionMl >= 0 for row in rows)
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("learn"))
    first = ui.caseTable.item(0, 0).text()
    assert first == max(rows, key=lambda row: round(row.uncertainty, 2)).id


@pytest.mark.slow
def testImprovingIsCancelledGoesOnAndOffersTheBetterModel(learning, corrected):
    parts, inputs = learning.parts, learning.widget.inputs
    useDataset(learning, corrected / "good")
    assert "12 so far" in parts.learnFromLabel.text
    learning.click(parts.improveButton)
    waitFor(learning, lambda: parts.improveStageLabel.text.startswith("Epoch 2"))
    assert "held-out Dice" in parts.improveStageLabel.text and parts.improveProgressBar.value > 20
    assert learning.ui.segmentButton.text == "Segment", "Segment is not held up"
    learning.click(parts.improveButton)
    waitFor(learning, lambda: parts.improveButton.text == "Improve the model")
    assert "Cancelled" in parts.improveLabel.text and inputs.modelId == "small-0.2.1"
    epochs = []
    learning.widget.jobs.listen(("improve",), progressed=lambda kind, done, stage, left: epochs.append(stage))
    learning.click(parts.improveButton)
    waitFor(learning, lambda: parts.improveButton.text == "Improve the model")
    numbers = [int(stage.split()[1]) for stage in epochs if stage.startswith("Epoch")]
    assert numbers and min(numbers) > 1, "it went on"
    assert "is better" in parts.improveLabel.text
    assert inputs.modelId == "small-0.3.0"
    listed = [learning.ui.modelSelector.itemText(n) for n in range(learning.ui.modelSelector.count)]
    assert len([text for text in listed if text.startswith("Small")]) == 2, "the old one stays"
    assert learning.slicer.util.getNodesByClass("vtkMRMLPlotChartNode")


@pytest.mark.slow
def testWorseModelIsRefused(learning, corrected):
    parts = learning.parts
    useDataset(learning, corrected / "bad")
    before = sorted(path.name for path in (corrected / "models").iterdir())
    learning.click(parts.improveButton)
    waitFor(learning, lambda: parts.improveButton.text == "Improve the model")
    assert "was not kept" in parts.improveLabel.text
    assert learning.widget.inputs.modelId == "small-0.2.1"
    assert sorted(path.name for path in (corrected / "models").iterdir()) == before
