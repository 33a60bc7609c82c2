"""How the chosen scan's mask is shown: fill, outline, opacity, and its surface in 3D with the skull around it."""

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import SkullRendering
from HemorrhageSegLib.SceneResult import SceneResult
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.DelayedCall import delayedCall

SURFACE_DELAY_MS = 250


class MaskDisplay:
    """Shows the mask as the parameters say, and builds its surface once the mask has come to rest.

    Args:
        shown: function () that gives the chosen scan's SceneResult, or None, and the parameter node.
        ownChange: function () that gives a context in which changes of the mask are the panel's own.
        skullCheckBox: by which the person asks for the skull; it can be used where the surface is to be shown.
    """

    def __init__(self, shown, ownChange, skullCheckBox) -> None:
        self._shown = shown
        self._ownChange = ownChange
        self._skullCheckBox = skullCheckBox
        self._centredOn = None
        self._turnedTo, self._known = "", set()  # the scan that is on the screen; the results that were there then
        self._timer = delayedCall(SURFACE_DELAY_MS, self._buildSurface)

    def forget(self) -> None:
        """Nothing is shown any more."""
        self._timer.stop()
        self._centredOn = None
        self._turnedTo, self._known = "", set()

    def turnTo(self, volumeNode) -> None:
        """A scan is on the screen: its own mask is seen, and over it no bleed of another scan, wherever that lies.

        Once for a scan, the results that there are, and each time that it comes into the slice views: the person may
        have clicked an eye in the Data module since.

        Args:
            volumeNode: None for no scan, which leaves everything as it is.
        """
        if volumeNode is None:
            return
        results = SceneResult.ofScene()
        known, turnedTo = {result.segmentationNode.GetID() for result in results}, volumeNode.GetID()
        isSame = turnedTo == self._turnedTo and known <= self._known and SliceViews.isShown(volumeNode)
        self._turnedTo, self._known = turnedTo, known
        if isSame:
            return
        for result in results:
            _setEye(result, result.isOf(volumeNode))

    def turnAway(self) -> None:
        """No scan is on the screen until the next one is there: nor is any bleed."""
        self._turnedTo = ""
        for result in SceneResult.ofScene():
            _setEye(result, False)

    def update(self) -> None:
        """The result or the parameters were changed."""
        result, parameters = self._shown()
        display = result.segmentationNode.GetDisplayNode() if result is not None else None
        self._skullCheckBox.enabled = display is not None and parameters.show3D
        if display is None:
            return
        with slicer.util.NodeModify(display):
            display.SetVisibility2DFill(parameters.showFill)
            display.SetVisibility2DOutline(parameters.showOutline)
            display.SetOpacity(parameters.opacity)
            display.SetVisibility3D(parameters.show3D)
        # A skull that is new to the view comes with the surface, later than the mask; one that is there stays.
        isReady = result.hasSurface or SkullRendering.isVisible(result)
        SkullRendering.setVisible(result, parameters.show3D and parameters.showSkull and isReady)
        if parameters.show3D and result.hasSurface:
            self._lookAt(result)
        elif parameters.show3D and not self._timer.active:
            self._timer.start()

    def buildSurfaceSoon(self) -> None:
        """The mask was changed, and may be changed again at once."""
        self._timer.start()

    def _buildSurface(self) -> None:
        result, parameters = self._shown()
        if result is None or not parameters.show3D or slicer.mrmlScene.IsClosing():
            return
        with self._ownChange(), slicer.util.tryWithErrorDisplay(_("The surface could not be built."), waitCursor=True):
            result.buildSurface()
        SkullRendering.setVisible(result, parameters.showSkull)
        self._lookAt(result)

    def _lookAt(self, result) -> None:
        """Turn the 3D views to a surface that is new to them, or that another scan's was shown after."""
        if slicer.app.layoutManager() is not None and self._centredOn is not result.segmentationNode:
            self._centredOn = result.segmentationNode  # once: the person may have turned the view since
            slicer.util.resetThreeDViews()


def _setEye(result, isSeen) -> None:
    """Show or hide a result as the eye in the Data module does; the skull comes with the surface."""
    display = result.segmentationNode.GetDisplayNode()
    if display is not None:
        display.SetVisibility(isSeen)
    if not isSeen:
        SkullRendering.setVisible(result, False)
