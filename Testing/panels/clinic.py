"""Clinic: an opened panel with a scan and a worker that answers only what the test tells it to."""

from functools import cache
from types import SimpleNamespace


@cache
def usualScan(draw):
    """The synthetic scan that most tests look at; drawn once, as it is always the same."""
    scan = draw()
    scan.array.flags.writeable = False
    return scan


class Clinic:
    """What the tests of both panels do with a panel; each panel's own clinic adds a scan, ``answer`` and ``words``.

    Args:
        host: SlicerHost.
        widget: the panel's widget object, not yet entered.
    """

    MODULE = ""  #: the panel's name
    TASK = ""  #: what the worker is asked for when the big button is clicked

    def __init__(self, host, widget) -> None:
        import qt
        import slicer

        from RadiologyCNNLib.AnswerlessClient import AnswerlessClient

        self.host, self.widget, self.ui = host, widget, widget.ui
        self.slicer, self.qt = slicer, qt
        self.client = AnswerlessClient()
        widget.logic.client = self.client  # before the panel is entered: no real worker is started
        slicer.util.selectModule(self.MODULE)
        widget.enter()
        self.useModel()

    def useModel(self, problem="") -> None:
        """Put one model into the list, without a file on the disk."""
        from RadiologyCNNLib.ModelSelector import ModelChoice

        package = SimpleNamespace(
            id="test-1.0.0", name="test", version="1.0.0", title="Test model", simulated=True, problem=problem,
            intended_use="Tests", training_data="None", labels=(), operating_threshold=0.5,
            follows_doubt=False, performance={}, licence="Apache-2.0", weights_sha256="0" * 64,
            card=lambda: {"id": "test-1.0.0", "title": "Test model"},
        )  # fmt: skip
        self.widget.inputs._choices = [ModelChoice("test-1.0.0", "Test model", problem, package)]
        self.ui.modelSelector.blockSignals(True)  # it is not the person who chooses
        self.ui.modelSelector.clear()
        self.ui.modelSelector.addItem("Test model")
        self.ui.modelSelector.blockSignals(False)
        self.widget.inputs.selectModel("test-1.0.0")
        self.widget._updateButtons()

    def addVolume(self, array, ijkToRas, name):
        """Put a scan into the scene and choose it."""
        volume = self.slicer.util.addVolumeFromArray(array, ijkToRAS=ijkToRas, name=name)
        volume.CreateDefaultDisplayNodes()
        self.ui.inputVolumeSelector.setCurrentNode(volume)
        return volume

    def click(self, button) -> None:
        assert button.enabled, f"{button.objectName} is disabled: {button.toolTip}"
        self.host.click(button)

    def start(self) -> str:
        """Click the big button; returns the job, which a warped scan lets wait. Other kinds may be sent, too."""
        before = self.count(self.TASK)
        self.click(self.widget.runButton)
        self.waitFor(lambda: self.count(self.TASK) > before)
        return self.sent(self.TASK)[0]

    def run(self, **changes):
        """From the click to the result."""
        self.answer(self.start(), **changes)
        return self.result

    def sent(self, wanted) -> tuple:
        """(job, fields) of the last request of a kind."""
        for number in range(len(self.client.requests), 0, -1):
            command, fields = self.client.requests[number - 1]
            if command == wanted:
                return f"job-{number}", fields
        raise AssertionError(f"no {wanted} was sent")

    def count(self, wanted) -> int:
        """How many requests of a kind were sent."""
        return sum(command == wanted for command, _fields in self.client.requests)

    def fail(self, job, code, message, hint="") -> None:
        from RadiologyCNNLib.WorkerClient import WorkerError

        self.client.failed.emit(job, WorkerError(code, message, hint, "trace"))

    @property
    def result(self):
        return self.widget.results.result

    def waitFor(self, condition) -> None:
        assert self.host.process_events(60, until=condition), "nothing happened"

    def nodeCount(self) -> int:
        return self.slicer.mrmlScene.GetNumberOfNodes()

    @staticmethod
    def cellsOf(tableNode) -> list:
        table = tableNode.GetTable()
        rows, columns = table.GetNumberOfRows(), table.GetNumberOfColumns()
        return [[table.GetValue(row, column).ToString() for column in range(columns)] for row in range(rows)]

    def slicePosition(self, name) -> tuple:
        """A point of the plane that a slice view shows, RAS."""
        matrix = self.slicer.app.layoutManager().sliceWidget(name).mrmlSliceNode().GetSliceToRAS()
        return tuple(matrix.GetElement(axis, 3) for axis in range(3))


class StandInInstaller:
    """Of which the test says what is missing, and how an installation ends."""

    def __init__(self, outcome, *, isReady) -> None:
        self.outcome, self.isReady, self.asked = outcome, isReady, []

    def missing(self) -> list:
        return [] if self.isReady else ["torch>=2.2"]

    def ensure(self, withTorch=False, toTrain=False):
        self.asked.append(withTorch)
        return self.outcome


def unnamedWidgets(ui, uiFile) -> list:
    """Names of the panel's usable widgets that lack a name for screen readers or a tool tip."""
    from xml.etree import ElementTree

    names = {element.get("name") for element in ElementTree.parse(uiFile).iter("widget")}
    names = {name for name in names if not name.endswith("CollapsibleButton")}
    kinds = tuple("Button ComboBox CheckBox LineEdit Slider SliderWidget SpinBox TableView TableWidget".split())
    usable = {
        name: widget for name, widget in vars(ui).items() if name in names and type(widget).__name__.endswith(kinds)
    }
    assert len(usable) >= 5, f"the panel of {uiFile.name} has more than these: {sorted(usable)}"
    return [name for name, widget in usable.items() if not (widget.accessibleName and widget.toolTip)]
