"""A model of five types of bleed in HemorrhageSeg: each type is a segment of its own and stands in the table."""

import os

import numpy as np
import pytest
from panels.head_clinic import HeadClinic

from radiologycnn.hemorrhage.labels import BLEED_TYPES, HEMORRHAGE
from radiologycnn.hemorrhage.measurements import measure
from radiologycnn.images.volume import LPS_TO_RAS, Volume

LABELS = tuple(BLEED_TYPES.values())


@pytest.fixture
def clinic(headClinic):
    return headClinic


def typedAnswer(head, folder) -> dict:
    """What the worker says of bleeds of all five types, each in a place of its kind."""
    k, j, i = np.indices(head.array.shape)
    r, a, s = (head.ijkToRas[axis, axis] * index + head.ijkToRas[axis, 3] for axis, index in enumerate((i, j, k)))
    radius = (r / 69) ** 2 + (a / 87) ** 2 + (s / 66) ** 2
    rim = (radius > 0.8) & (radius < 1.0) & (abs(s) < 25)
    regions = {
        "iph": head.truth > 0,
        "ivh": ((r - 14) / 8) ** 2 + ((a + 8) / 9) ** 2 + ((s - 4) / 10) ** 2 < 1,
        "sdh": rim & (r > 45) & (a > -40),
        "edh": rim & (a > 65) & (abs(r) < 25),
        "sah": (radius > 0.6) & (radius < 0.72) & (a < -40) & (abs(s) < 15) & (r < 0),
    }
    mask = np.zeros(head.array.shape, np.uint8)
    for kind, region in regions.items():
        mask[region] = BLEED_TYPES[kind].value
    box = tuple(slice(int(n.min()), int(n.max()) + 1) for n in np.nonzero(mask))
    path = os.path.join(folder, "types.npy")
    np.save(path, np.stack([0.9 * (mask[box] == label.value) for label in LABELS]).astype(np.float32))
    volume = Volume(head.array, LPS_TO_RAS @ head.ijkToRas, "CT")
    return {
        "probability": path,
        "offset_kji": [part.start for part in box],
        "measurements": measure(mask, volume, LABELS).to_dict(),
        "labels": [label.to_dict() for label in LABELS],
        "model": "five-types-1.0.0",
    }


def segmentTypes(clinic) -> HeadClinic:
    job = clinic.start()
    clinic.answer(job, **typedAnswer(clinic.head, clinic.sent("segment")[1]["output"]))
    return clinic


def testEachTypeIsASegmentWithItsNameAndColour(clinic):
    import vtk

    segmentation = segmentTypes(clinic).result.segmentationNode.GetSegmentation()
    segments = [segmentation.GetNthSegment(number) for number in range(segmentation.GetNumberOfSegments())]
    assert [segment.GetName() for segment in segments] == [label.name for label in LABELS]
    for segment, label in zip(segments, LABELS):
        assert segment.GetColor() == pytest.approx(label.color_rgb)
        terminology = vtk.reference("")
        segment.GetTag(segment.GetTerminologyEntryTagName(), terminology)
        assert str(terminology) == label.terminology()


def testTheTableNamesTheTypeOfEachBleed(clinic):
    cells = segmentTypes(clinic).tableCells()
    names = [row[1] for row in cells]
    assert set(names) == {"Intraparenchymal", "Intraventricular", "Subdural", "Epidural", "Subarachnoid"}
    assert "Subdural 39" in clinic.ui.abcLabel.text and "hemorrhage" not in clinic.ui.abcLabel.text
    assert max(cells, key=lambda row: float(row[2])) == cells[0]


def testEachTypesVolumeStandsBesideASquareInItsColour(clinic):
    text = segmentTypes(clinic).ui.abcLabel.text
    for label, name in zip(LABELS, ("Intraparenchymal", "Intraventricular", "Subdural", "Epidural", "Subarachnoid")):
        color = "".join(f"{round(255 * part):02x}" for part in label.color_rgb)
        assert f'<span style="color:#{color}">■</span> {name} ' in text


def testAllTypesFollowTheThreshold(clinic):
    result = segmentTypes(clinic).result
    assert {label.name for label in result.labels} == {label.name for label in LABELS}
    assert result.probability().shape[0] == len(LABELS)
    before = result.measurements.total_volume_ml
    assert result.applyThreshold(0.95) == 0
    assert result.applyThreshold(0.5) == pytest.approx(before)


def testAModelOfOneLabelAfterwardsLeavesOneSegment(clinic):
    segmentTypes(clinic)
    segmentation = clinic.segment().segmentationNode.GetSegmentation()
    names = [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
    assert names == [HEMORRHAGE.name]


def testBloodGivenAnotherTypeIsNoLongerTheNetworksOwnMask(clinic):
    result = segmentTypes(clinic).result
    clinic.ui.correctCollapsibleButton.collapsed = False
    assert clinic.ui.correctDetailLabel.text == "the network's own mask"
    mask, offset = result.maskCrop()
    mask[mask == BLEED_TYPES["sdh"].value] = BLEED_TYPES["edh"].value
    result.setMask(mask, offset)
    clinic.waitFor(lambda: "of another type" in clinic.ui.correctDetailLabel.text)
    assert "0.0 mL added, 0.0 mL removed" in clinic.ui.correctDetailLabel.text
