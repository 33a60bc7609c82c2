"""What Undo gives back of a mask where another model has run since, and what the result then says of itself."""

import numpy as np
import pytest

OTHER_BLOCK = np.s_[6:10, 30:40, 30:40]


@pytest.mark.parametrize("hadTypes", [True, False], ids=["types, then one label", "one label, then types"])
def testUndoOfAnotherModelsRunBringsItsLabelsBackToo(room, hadTypes):
    from HemorrhageSegLib.AnnotationRecords import networkMessage
    from HemorrhageSegLib.Labelmaps import labelmapOf, voxelsOf
    from panels.typed_answer import typedAnswer

    def run(hasTypes) -> list:
        job = room.start()
        folder = room.sent("segment")[1]["output"]
        model = "types-1.0.0" if hasTypes else "blood-1.0.0"
        about = {"model": model, "provenance": {"model": {"id": model}, "model_sha256": model}}
        room.answer(job, **{**(typedAnswer(room.head, folder) if hasTypes else {}), **about})
        return seen()

    def seen() -> list:
        """What is drawn, what is counted and what is offered."""
        room.settled()
        segmentation, box = room.result.segmentationNode.GetSegmentation(), room.ui.changeTypeCheckBox
        ids = list(segmentation.GetSegmentIDs())
        drawn = []
        for one in ids:
            image, value = labelmapOf(segmentation, one)
            drawn.append((int(one.rpartition("-")[2]), int((voxelsOf(image)[1] == value).sum())))
        values, counts = np.unique(room.result.maskCrop()[0], return_counts=True)
        counted = dict(zip(values.tolist(), counts.tolist()))
        assert drawn == [(value, counted.get(value, 0)) for value, _count in drawn]
        assert [label.name for label in room.result.labels] == [segmentation.GetSegment(one).GetName() for one in ids]
        record = room.result.record
        assert f"Model {record['model']} on" in room.ui.notesLabel.text
        about = [record["model"], record["provenance"], record["edited"], record["threshold"]]
        return [drawn, room.ui.totalLabel.text, box.visible, *about]

    room.ui.correctCollapsibleButton.collapsed = False
    run(hadTypes)
    room.stroke(OTHER_BLOCK)
    before = seen()
    after = run(not hadTypes)
    assert before[0] != after[0] and before[2] is hadTypes and after[2] is not hadTypes
    assert before[3] != after[3] and before[4] != after[4]
    for _time in range(2):
        room.press("Z")
        assert seen() == before
        assert "earlier run" in room.ui.notesLabel.text and not room.ui.thresholdSlider.enabled
        assert "of another type" not in room.ui.correctDetailLabel.text, "other models' types have other meanings"
        assert networkMessage(room.result)["model"] == after[3], "what a dataset keeps is the run of the probability"
        room.press("Y")
        assert seen() == after
        assert "earlier run" not in room.ui.notesLabel.text
    assert room.ui.thresholdSlider.enabled
    room.press("Z")
    room.settled()
    room.click(room.ui.networkMaskButton)
    assert seen() == after
    assert room.ui.thresholdSlider.enabled and "earlier run" not in room.ui.notesLabel.text
