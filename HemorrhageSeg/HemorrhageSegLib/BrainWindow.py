"""The brain window (W 80, L 40 HU) and its check box."""

import slicer
import vtk
from slicer.util import VTKObservationMixin

WINDOW_HU = 80.0
LEVEL_HU = 40.0


class BrainWindow(VTKObservationMixin):
    """Shows the chosen scan with W 80, L 40 HU, and gives back what was set before.

    A window that the person has set by hand is left alone until they ask for the brain window themselves; one that
    Slicer took from the scan's DICOM header is not set by hand. The check box tells what is, also after somebody has
    dragged in a slice view.
    """

    def __init__(self, checkBox) -> None:
        VTKObservationMixin.__init__(self)
        self._checkBox = checkBox
        self._volumeNode = None
        self._display = None
        self._previous = {}

    def setVolume(self, volumeNode) -> None:
        """Follow this scan's window from now on; None for none."""
        display = volumeNode.GetDisplayNode() if volumeNode is not None else None
        self._volumeNode = volumeNode
        if display is not self._display:
            self.removeObservers()
            self._display = display
            if display is not None:
                self.addObserver(display, vtk.vtkCommand.ModifiedEvent, self._updateCheckBox)
        self._updateCheckBox()

    @property
    def isShown(self) -> bool:
        """Whether the scan is shown with the brain window now, whoever set it."""
        display = self._display
        if display is None or display.GetAutoWindowLevel():
            return False
        return (display.GetWindow(), display.GetLevel()) == (WINDOW_HU, LEVEL_HU)

    def apply(self, askedFor: bool) -> None:
        """Set the brain window; unless it was asked for, only where nobody has set the present one by hand."""
        if self._volumeNode is not None and self._display is None:
            self._volumeNode.CreateDefaultDisplayNodes()
            self.setVolume(self._volumeNode)
        display = self._display
        if display is None or self.isShown or not (askedFor or _isSlicersChoice(display)):
            return
        self._previous[display.GetID()] = (display.GetAutoWindowLevel(), display.GetWindow(), display.GetLevel())
        with slicer.util.NodeModify(display):
            display.SetAutoWindowLevel(False)
            display.SetWindowLevel(WINDOW_HU, LEVEL_HU)

    def restore(self) -> None:
        """Give the scan the window back that it had before :meth:`apply`."""
        if self._display is None:
            return
        automatic, window, level = self._previous.pop(self._display.GetID(), (True, 0.0, 0.0))
        if automatic:
            self._display.SetAutoWindowLevel(True)
        else:
            self._display.SetWindowLevel(window, level)

    def forget(self) -> None:
        """Drop what is remembered: the scene was closed, and its identifiers will be used again."""
        self.setVolume(None)
        self._previous.clear()

    def _updateCheckBox(self, caller=None, event=None) -> None:
        self._checkBox.enabled = self._volumeNode is not None
        self._checkBox.checked = self.isShown


def _isSlicersChoice(display) -> bool:
    """Whether the window is the automatic one, or one of those that the scan's header suggests."""
    shown = (display.GetWindow(), display.GetLevel())
    suggested = range(display.GetNumberOfWindowLevelPresets())
    return bool(display.GetAutoWindowLevel()) or shown in [
        (display.GetWindowPreset(number), display.GetLevelPreset(number)) for number in suggested
    ]
