"""Keys and what is in hand in the HemorrhageSeg panel: one press is one decision; brush and segment stay as chosen."""

import pytest
from panels.next_case import prepare, waitForPreparing


def hold(room, keys, count=4) -> None:
    """Press a key as a keyboard does that is held: the first press, then the system's repetitions."""
    from PySide6 import QtTest

    room.host.activate_window()
    pressed = room.qt.QKeySequence(keys)[0]
    window = room.slicer.util.mainWindow()
    for number in range(count):
        QtTest.QTest.simulateEvent(window, True, pressed.key(), pressed.keyboardModifiers(), keys[-1], number > 0, -1)
        room.host.process_events(0.05)


@pytest.mark.parametrize("keys, state", [("A", "accepted"), ("Shift+F", "flagged"), ("Shift+X", "rejected")])
def testAHeldKeyDecidesOneCase(room, keys, state):
    room.writeScans(3)
    room.openList()
    room.openCase("case-0001")
    waitForPreparing(room)
    prepare(room, "case-0002", model=room.widget.inputs.modelId)  # so that the next case is there at once
    room.waitFor(lambda: room.widget.worklist.opening.nextCase.isReady)
    hold(room, keys)
    assert room.caseId == "case-0002"
    assert room.states() == {"case-0001": state, "case-0002": "in-progress", "case-0003": "to-do"}
    room.press(keys)  # another press is another decision
    assert room.states()["case-0002"] == state


@pytest.mark.parametrize("keys, box", [("N", "networkOutlineCheckBox"), ("T", "changeTypeCheckBox")])
def testAHeldKeySwitchesOnce(room, keys, box):
    from panels.typed_answer import segmentTypes

    segmentTypes(room)
    room.ui.correctCollapsibleButton.collapsed = False
    room.host.process_events()
    assert not getattr(room.ui, box).checked
    hold(room, keys)
    assert getattr(room.ui, box).checked, "an even number of presses would have switched it off again"
    room.press(keys)
    assert not getattr(room.ui, box).checked


def removeSomeVolume(room) -> None:
    """As modules do with a volume that they needed for a moment: the panel shows its result anew."""
    slicer = room.slicer
    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))
    room.host.process_events()


def testABrushThatWasPutDownIsNotTakenUpAgain(room):
    room.writeScans(2)
    room.openList()
    room.openCase("case-0001")
    room.press("1")
    asked = room.count("segment")
    room.press("A")
    room.answerIfAsked(asked)
    assert room.caseId == "case-0002" and room.editor.activeEffect().name == "Paint"
    room.press("Escape")
    removeSomeVolume(room)
    assert room.editor.activeEffect() is None, "a click on a slice would have drawn"


def testTheSegmentThatWasChosenStaysChosen(room):
    room.segment()
    room.ui.correctCollapsibleButton.collapsed = False
    room.result.segmentationNode.GetSegmentation().AddEmptySegment("own", "drawn by hand", (0, 1, 0))
    room.editor.setCurrentSegmentID("own")
    removeSomeVolume(room)
    assert room.editor.currentSegmentID() == "own", "the next stroke would have gone into the network's segment"
    room.addHead(room.syntheticHead(bleedMm=(10.0, 10.0, 10.0)), "Other CT")
    room.segment()
    assert room.editor.currentSegmentID() == "hemorrhage-1"
