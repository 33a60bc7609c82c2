"""HeadClinic: the opened HemorrhageSeg panel with a head CT in it; the worker's answers are made up here."""

from panels.clinic import Clinic, usualScan


class HeadClinic(Clinic):
    """The opened panel with a head CT in the scene."""

    MODULE, TASK = "HemorrhageSeg", "segment"

    def __init__(self, host, widget) -> None:
        from HemorrhageSegLib import SelfTest
        from HemorrhageSegLib.SyntheticHead import syntheticHead

        super().__init__(host, widget)
        self.ui.correctCollapsibleButton.collapsed = True  # the panel may be the one of another test
        self.selfTest, self.syntheticHead = SelfTest, syntheticHead
        self.head = usualScan(syntheticHead)
        self.volume = self.addScan()

    def addScan(self):
        return self.addHead(self.head)

    def addHead(self, head, name="CT"):
        return self.addVolume(head.array, head.ijkToRas, name)

    segment = Clinic.run

    def answer(self, job, head=None, **changes) -> None:
        folder = self.sent("segment")[1]["output"]
        message = self.selfTest.resultMessage(head or self.head, folder)
        self.client.result.emit(job, {**message, **changes})

    @property
    def words(self) -> str:
        """The answer as the panel says it."""
        return self.ui.totalLabel.text

    def waitForMeasuring(self) -> tuple:
        """(job, fields) of the measuring that follows a changed mask."""
        self.waitFor(lambda: self.count("measure"))
        return self.sent("measure")

    def tableCells(self) -> list:
        return self.cellsOf(self.result.tableNode)


def withoutKey(result) -> None:
    """Make a result one of an earlier version, which kept no key of its mask."""
    from HemorrhageSegLib.SceneResult import RECORD_ATTRIBUTE

    from RadiologyCNNLib.NodeRecord import writeRecord

    record = {name: value for name, value in result.record.items() if name != "mask_key"}
    writeRecord(result.segmentationNode, RECORD_ATTRIBUTE, record)
