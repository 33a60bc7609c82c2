"""What a result keeps in an attribute of its node: read and changed, whoever changed the attribute."""

import pytest


@pytest.fixture
def node(slicerHost):
    import slicer

    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "map")


def testFieldsAreKeptBesideTheOthers(node):
    from RadiologyCNNLib.NodeRecord import readRecord, updateRecord

    assert readRecord(node, "Result") == {}
    updateRecord(node, "Result", threshold=0.4, notes=["one"])
    before = readRecord(node, "Result")
    updateRecord(node, "Result", threshold=0.5)
    assert readRecord(node, "Result") == {"threshold": 0.5, "notes": ["one"]}
    assert before["threshold"] == 0.4, "what was read before stays as it was"


def testAnAttributeThatSomebodyElseHasChangedIsReadAnew(node):
    from RadiologyCNNLib.NodeRecord import readRecord, updateRecord

    updateRecord(node, "Result", threshold=0.4)
    node.SetAttribute("Result", '{"threshold": 0.7}')
    assert readRecord(node, "Result") == {"threshold": 0.7}
    node.RemoveAttribute("Result")
    assert readRecord(node, "Result") == {}


def testWhatIsMadeOfARecordIsMadeOnceAsLongAsItStays(node):
    from RadiologyCNNLib.NodeRecord import readAs, updateRecord

    made = []

    def make(record):
        made.append(record["threshold"])
        return -record["threshold"]

    for threshold in (0.4, 0.7, 0.7):
        updateRecord(node, "Result", threshold=threshold)
        assert readAs(node, "Result", make) == readAs(node, "Result", make) == -threshold
    assert made == [0.4, 0.7]
