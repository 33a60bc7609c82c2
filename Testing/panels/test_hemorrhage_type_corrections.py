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


def accept(room) -> None:
    asked = room.count("segment")
    room.press("A")
    room.answerIfAsked(asked)
    room.waitFor(lambda: not room.widget.worklist.cases.store.has_submitted)


def testAStrokeStaysOutsideOtherTypesUnlessOnlyTheTypeIsChanged(typedRoom):
    room = typedRoom
    room.openCase()
    iph, sdh = room.maskOf(IPH), room.maskOf(SDH)
    everywhere = np.s_[:, :, :]
    room.stroke(everywhere, segmentId=EDH)
    assert np.array_equal(room.maskOf(IPH), iph) and np.array_equal(room.maskOf(SDH), sdh)
    assert room.maskOf(EDH).any() and not (room.maskOf(EDH) & (iph | sdh)).any()
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
    room.press("T")
    assert not room.ui.changeTypeCheckBox.checked


def testStrokesAreMaskedOnlyWhereThereIsATypeToStayOutsideOf(typedRoom):
    """A mask of the whole scan at each stroke takes a tenth of a second on a large one."""
    room = typedRoom
    room.openCase()
    room.settled()
    node, modes = room.widget.correct.editor.node, room.slicer.vtkMRMLSegmentationNode
    assert node.GetMaskMode() == modes.EditAllowedOutsideAllSegments
    mask, offset = room.result.maskCrop()
    iph = BLEED_TYPES["iph"].value
    room.editor.setCurrentSegmentID(IPH)
    room.result.setMask(np.where(mask == iph, mask, 0), offset)
    room.waitFor(lambda: node.GetMaskMode() == modes.EditAllowedEverywhere)
    room.stroke(np.s_[6:9, 30:36, 30:36], segmentId=IPH)
    before = room.maskOf(IPH)
    assert before[6:9, 30:36, 30:36].all()
    room.stroke(np.s_[:, 30:, :], segmentId=EDH)
    assert np.array_equal(room.maskOf(IPH), before) and not (room.maskOf(EDH) & before).any()
    drawn = room.maskOf(EDH)
    room.stroke(np.s_[:, :, :], segmentId=IPH)  # at once: the panel has not yet looked at the stroke before
    assert np.array_equal(room.maskOf(EDH), drawn) and not (room.maskOf(IPH) & drawn).any()


def testTypesAreAcceptedKeptAndReadByTraining(typedRoom, tmp_path):
    from radiologycnn.training.case_files import read_manifest
    from radiologycnn.training.hemorrhage.cases import check_types, read_scan

    room = typedRoom
    room.openCase("case-0001")
    sdh = room.maskOf(SDH)
    room.press("T")
    room.stroke(np.where(sdh), segmentId=EDH)
    drawn = {segmentId: room.maskOf(segmentId) for segmentId in (IPH, SDH, EDH)}
    accept(room)
    word, array = room.word("case-0001"), acceptedMask(room, "case-0001")
    assert word["types"] == "iph+ivh+edh+sah"
    assert word["edits"]["relabelled_ml"] > 0 and word["edits"]["added_ml"] == word["edits"]["removed_ml"] == 0
    for segmentId, mask in drawn.items():
        assert np.array_equal(array == int(segmentId[-1]), mask)
    room.openCase("case-0001")
    assert all(np.array_equal(room.maskOf(segmentId), mask) for segmentId, mask in drawn.items())
    assert not room.ui.changeTypeCheckBox.visible or room.ui.caseNotesLabel.text == ""

    (room.folder / "dataset_description.json").write_text('{"MaskValues": {"1": "sdh"}}')  # of the scans' own masks
    rows = read_manifest(room.dataset, ("image", "mask"))
    assert [row["types"] for row in rows] == ["iph+ivh+edh+sah"]
    _volume, labels = read_scan(room.dataset, rows[0])
    assert np.array_equal(labels, array)
    check_types(room.dataset, rows[0], labels)


def testModelsWithAndWithoutTypesDoNotMixUpAMask(typedRoom):
    room = typedRoom
    room.openCase("case-0001")
    accept(room)
    typed = acceptedMask(room, "case-0001")
    room.saidOf = lambda head, folder: {}

    room.openCase("case-0001")
    room.click(room.ui.segmentButton)
    room.answerIfAsked(0)
    assert "lose them" in room.ui.caseNotesLabel.text
    assert np.array_equal(room.maskOf(IPH), typed != 0), "all of it is blood"
    room.widget.worklist.exit()
    room.widget.worklist.enter()
    assert np.array_equal(acceptedMask(room, "case-0001"), typed), "looking at it changes nothing"

    accept(room)
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
    accept(room)
    with (room.dataset / "cases.csv").open(newline="") as file:
        assert [row["types"] for row in csv.DictReader(file)] == [""]
    assert not room.ui.changeTypeCheckBox.visible
