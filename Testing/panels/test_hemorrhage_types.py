"""A model of five types of bleed in HemorrhageSeg: each type is a segment of its own and stands in the table."""

import pytest
from panels.typed_answer import LABELS, segmentTypes

from radiologycnn.hemorrhage.labels import BLEED_TYPES, HEMORRHAGE


@pytest.fixture
def clinic(headClinic):
    return headClinic


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
    assert set(names) == {"IPH", "IVH", "SDH", "EDH", "SAH"}
    assert "Subdural (SDH) 39" in clinic.ui.abcLabel.text and "hemorrhage" not in clinic.ui.abcLabel.text
    assert max(cells, key=lambda row: float(row[2])) == cells[0]


def testTheTableOfANarrowPanelNeedsNoScrollingSideways(clinic):
    view = segmentTypes(clinic).ui.lesionTable
    clinic.widget.parent.resize(380, 900)
    clinic.host.process_events()
    columns = range(view.model().columnCount())
    shown = [view.model().headerData(n, clinic.qt.Qt.Horizontal) for n in columns if not view.isColumnHidden(n)]
    assert shown == ["Type", "mL", "ABC/2", "Ø mm", "Side", "Slices", "HU"]
    assert sum(view.columnWidth(n) for n in columns) <= view.viewport().width
    assert view.viewport().height >= sum(view.rowHeight(n) for n in range(5))


def testEachTypesVolumeStandsBesideASquareInItsColour(clinic):
    text = segmentTypes(clinic).ui.abcLabel.text
    names = (
        "Intraparenchymal (IPH)",
        "Intraventricular (IVH)",
        "Subdural (SDH)",
        "Epidural (EDH)",
        "Subarachnoid (SAH)",
    )
    for label, name in zip(LABELS, names):
        color = "".join(f"{round(255 * part):02x}" for part in label.color_rgb)
        assert f'<span style="color:#{color}">■</span> {name} ' in text


def testAllTypesFollowTheThreshold(clinic):
    result = segmentTypes(clinic).result
    assert {label.name for label in result.labels} == {label.name for label in LABELS}
    assert result.probability().shape[0] == len(LABELS)
    before = result.measurements.total_volume_ml
    assert result.applyThreshold(0.95) == 0
    assert result.applyThreshold(0.5) == pytest.approx(before)


def testATypeThatWasRemovedComesBackInItsPlace(clinic):
    result = segmentTypes(clinic).result
    segmentation, total = result.segmentationNode.GetSegmentation(), clinic.ui.totalLabel.text
    ids, removed = segmentation.GetSegmentIDs(), LABELS[1]
    segmentation.RemoveSegment(result.segmentId(removed))
    clinic.widget.results.finishEdit()
    assert clinic.ui.totalLabel.text == f"{result.totalMl():.1f} mL" != total
    clinic.widget.results.backToNetwork()
    assert clinic.ui.totalLabel.text == f"{result.totalMl():.1f} mL" == total
    assert segmentation.GetSegmentIDs() == ids
    segment = segmentation.GetSegment(result.segmentId(removed))
    assert segment.GetName() == removed.name and segment.GetColor() == pytest.approx(removed.color_rgb)


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
