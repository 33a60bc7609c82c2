"""Correcting what a model of five types says: types do not overlap, are protected, changed, kept and never mixed up."""

import csv

import numpy as np
import pytest
from panels.typed_answer import typedAnswer

from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.images import read_volume

IPH, SDH, EDH = (f"hemorrhage-{BLEED_TYPES[kind].value}" for kind in ("iph", "sdh", "edh"))


@pytest.fixture
def typedRoom(room):
    room.saidOf = typedAnswer
    room.writeScans(2)
    room.openList()
    return room


def acceptedMask(room, caseId):
    return read_volume(room.dataset / room.word(caseId)["mask"]).array


@pytest.fixture(params=["Paint", "Scissors"])
def effect(request, typedRoom):
    """What a stroke is drawn with: the brush, whose rules are the panel's, or an effect with Slicer's own masks."""
    typedRoom.openCase()
    typedRoom.editor.setActiveEffectByName(request.param)
    return request.param


def testAStrokeStaysOutsideOtherTypesUnlessOnlyTheTypeIsChanged(typedRoom, effect):
    room = typedRoom
    iph, sdh = room.maskOf(IPH), room.maskOf(SDH)
    everywhere = np.s_[:, :, :]
    room.stroke(everywhere, segmentId=EDH)
    assert np.array_equal(room.maskOf(IPH), iph) and np.array_equal(room.maskOf(SDH), sdh)
    assert room.maskOf(EDH).any() and not (room.maskOf(EDH) & (iph | sdh)).any()
    drawn = room.maskOf(EDH)
    room.stroke(everywhere, segmentId=IPH)  # at once: the panel has not yet looked at the stroke before
    assert np.array_equal(room.maskOf(EDH), drawn) and np.array_equal(room.maskOf(IPH), iph)
    room.press("Z")
    room.press("Z")
    blood = room.result.totalMl()

    room.press("T")
    assert room.ui.changeTypeCheckBox.checked
    room.stroke(np.where(sdh), segmentId=EDH)
    assert not room.maskOf(SDH).any() and (room.maskOf(EDH) & sdh).sum() == sdh.sum()
    assert room.result.totalMl() == pytest.approx(blood)
    room.stroke(everywhere, segmentId=EDH)
    assert room.result.totalMl() == pytest.approx(blood), "what is no blood stays none"
    room.press("Z")
    room.press("Z")
    assert np.array_equal(room.maskOf(SDH), sdh) and np.array_equal(room.maskOf(IPH), iph)
    room.press("Y")
    assert not room.maskOf(SDH).any()
    room.press("Z")
    room.press("T")
    assert not room.ui.changeTypeCheckBox.checked


def testErasingTakesOnlyTheChosenTypeAndUndoGivesItBackInEveryMode(typedRoom, effect):
    room = typedRoom
    iph, sdh = room.maskOf(IPH), room.maskOf(SDH)
    for keys in ("", "T"):
        if keys:
            room.press(keys)
        room.stroke(np.s_[:, :, :], add=False, segmentId=SDH)
        assert not room.maskOf(SDH).any() and np.array_equal(room.maskOf(IPH), iph)
        room.press("Z")
        assert np.array_equal(room.maskOf(SDH), sdh) and np.array_equal(room.maskOf(IPH), iph)
    room.press("T")


def testABrushNeedsNoMaskOfTheWholeScan(typedRoom):
    """Slicer makes it anew at each stroke, which of a large scan takes a third of a second."""
    room = typedRoom
    room.openCase()
    node, modes = room.editor.mrmlSegmentEditorNode(), room.slicer.vtkMRMLSegmentationNode
    assert node.GetMaskMode() == modes.EditAllowedOutsideAllSegments
    room.press("1")
    room.click(room.ui.limitHuCheckBox)
    assert node.GetMaskMode() == modes.EditAllowedEverywhere and not node.GetSourceVolumeIntensityMask()
    room.press("4")
    assert node.GetMaskMode() == modes.EditAllowedOutsideAllSegments and node.GetSourceVolumeIntensityMask()
    room.press("2")
    assert not node.GetSourceVolumeIntensityMask() and room.ui.limitHuCheckBox.checked
    node.SetAttribute("Erase.EraseAllSegments", "1")
    assert node.GetMaskMode() == modes.EditAllowedOutsideAllSegments and node.GetSourceVolumeIntensityMask()
    node.SetAttribute("Erase.EraseAllSegments", "0")
    room.click(room.ui.limitHuCheckBox)


def testWhatTheProgramChangesIsNoStroke(typedRoom):
    room = typedRoom
    room.openCase()
    network = [room.maskOf(segmentId) for segmentId in (IPH, SDH)]
    room.press("1")
    room.editor.setCurrentSegmentID(SDH)
    room.ui.minimumHuSpinBox.value, room.ui.maximumHuSpinBox.value = 500, 600
    room.click(room.ui.limitHuCheckBox)
    room.stroke(np.s_[:, :, :], segmentId=SDH)
    room.ui.thresholdSlider.value = 0.99
    assert not room.maskOf(SDH).any(), "the threshold takes what the brush cannot"
    room.click(room.ui.networkMaskButton)
    assert all(np.array_equal(room.maskOf(name), mask) for name, mask in zip((IPH, SDH), network))
    room.click(room.ui.limitHuCheckBox)


def testTypesAreAcceptedKeptAndReadByTraining(typedRoom, tmp_path):
    from radiologycnn.training.case_files import read_manifest
    from radiologycnn.training.hemorrhage.cases import check_types, read_scan

    room = typedRoom
    room.openCase("case-0001")
    sdh = room.maskOf(SDH)
    room.press("T")
    room.stroke(np.where(sdh), segmentId=EDH)
    drawn = {segmentId: room.maskOf(segmentId) for segmentId in (IPH, SDH, EDH)}
    room.accept()
    word, array = room.word("case-0001"), acceptedMask(room, "case-0001")
    assert word["types"] == "iph+ivh+edh+sah"
    assert word["edits"]["relabelled_ml"] > 0 and word["edits"]["added_ml"] == word["edits"]["removed_ml"] == 0
    for segmentId, mask in drawn.items():
        assert np.array_equal(array == int(segmentId[-1]), mask)
    room.openCase("case-0001")
    assert all(np.array_equal(room.maskOf(segmentId), mask) for segmentId, mask in drawn.items())
    assert room.ui.changeTypeCheckBox.visible and room.ui.caseNotesLabel.text == ""

    (room.folder / "dataset_description.json").write_text('{"MaskValues": {"1": "sdh"}}')  # of the scans' own masks
    rows = read_manifest(room.dataset, ("image", "mask"))
    assert [row["types"] for row in rows] == ["iph+ivh+edh+sah"]
    _volume, labels = read_scan(room.dataset, rows[0])
    assert np.array_equal(labels, array)
    check_types(room.dataset, rows[0], labels)


def testModelsWithAndWithoutTypesDoNotMixUpAMask(typedRoom):
    room = typedRoom
    room.openCase("case-0001")
    room.accept()
    typed = acceptedMask(room, "case-0001")
    room.saidOf = lambda head, folder: {}

    room.openCase("case-0001")
    room.click(room.ui.segmentButton)
    room.answerIfAsked(0)
    assert "loses them" in room.ui.caseNotesLabel.text
    assert np.array_equal(room.maskOf(IPH), typed != 0), "all of it is blood"
    room.widget.worklist.exit()
    room.widget.worklist.enter()
    assert np.array_equal(acceptedMask(room, "case-0001"), typed), "looking at it changes nothing"

    room.accept()
    assert room.word("case-0001")["types"] == ""
    room.saidOf = typedAnswer
    room.openCase("case-0001")
    room.click(room.ui.segmentButton)
    room.answerIfAsked(0)
    assert "Check them" in room.ui.caseNotesLabel.text
    mask, offset = room.result.maskCrop()
    whole = np.zeros_like(typed)
    whole[tuple(slice(o, o + n) for o, n in zip(offset, mask.shape))] = mask
    assert np.array_equal(whole, typed), "the network's types on the rater's blood"


def testManifestSaysNothingOfTypesWhereTheModelKnowsNone(room):
    room.writeScans(1)
    room.openList()
    room.openCase()
    room.accept()
    with (room.dataset / "cases.csv").open(newline="") as file:
        assert [row["types"] for row in csv.DictReader(file)] == [""]
    assert not room.ui.changeTypeCheckBox.visible
