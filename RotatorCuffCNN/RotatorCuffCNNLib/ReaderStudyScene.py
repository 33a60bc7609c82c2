"""A reader study in the scene: one scan at a time, without its name and alone; the reader's mark."""

import numpy as np
import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import InputError
from radiologycnn.images.volume import LPS_TO_RAS
from radiologycnn.readers.marks import BOX, TearMark, network_record
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.ScanFile import addMapFile, addScan
from RadiologyCNNLib.ScenePlacement import removeWhole
from RotatorCuffCNNLib import CamDisplay, CuffRoi

#: On the nodes of a study, so that the panel's other sections leave them alone.
STUDY_ATTRIBUTE = "RotatorCuffCNN.ReaderStudy"
MAP_FILE_NAME = "cam.nii.gz"  # as ``radiologycnn classify`` names it
MARK_EDGE_MM = 20.0
MAP_OPACITY = 0.5
WINDOW_PERCENTILES = (0.5, 99.0)
LEAST_SPREAD = 0.2  #: smallest singular value of three slices' normals; 1 where they are at right angles


class ReaderStudyScene:
    """Shows the cases. What was in the views before is put back at the end."""

    def __init__(self) -> None:
        self.volumeNode = None
        self.markNode = None
        self._beside = []  # further nodes of the present case
        self._hidden = []
        self._views = None

    # Views

    def begin(self) -> None:
        """Clear the views, and remember what was in them, where that was not done yet."""
        if self._views is None:
            self._views = [
                (composite.GetID(), composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(),
                 composite.GetLabelVolumeID(), composite.GetForegroundOpacity())
                for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
            ], SliceViews.placement()  # fmt: skip
        for display in slicer.util.getNodesByClass("vtkMRMLDisplayNode"):
            if display.GetVisibility() and not display.IsA("vtkMRMLVolumeDisplayNode"):
                display.SetVisibility(False)
                self._hidden.append(display.GetID())
        self._setLayers(None)

    def end(self) -> None:
        """Take the case away, and put back what was in the views."""
        self.clearCase()
        scene = slicer.mrmlScene
        if self._views is None or scene.IsClosing():
            self._views = None
            return
        (composites, slices), hidden = self._views, self._hidden
        self._views, self._hidden = None, []
        for identifier, background, foreground, label, opacity in composites:
            composite = scene.GetNodeByID(identifier)
            if composite is not None:
                composite.SetBackgroundVolumeID(background)
                composite.SetForegroundVolumeID(foreground)
                composite.SetLabelVolumeID(label)
                composite.SetForegroundOpacity(opacity)
        SliceViews.restorePlacement(slices)
        for identifier in hidden:
            display = scene.GetNodeByID(identifier)
            if display is not None:
                display.SetVisibility(True)
        if slicer.app.layoutManager() is not None:
            slicer.app.layoutManager().resetSliceViews()

    def sceneLoaded(self) -> None:
        """What a loaded scene shows is what comes back at the end."""
        self.clearCase()
        self._views = None

    def sceneClosed(self) -> None:
        """Everything is gone, and its identifiers will be given anew: nothing is to be put back."""
        self.volumeNode = self.markNode = self._views = None
        self._beside, self._hidden = [], []

    def _setLayers(self, volumeNode, mapNode=None) -> None:
        if slicer.app.layoutManager() is None:  # started without a main window
            return
        slicer.util.setSliceViewerLayers(
            background=volumeNode, foreground=mapNode, label=None, foregroundOpacity=MAP_OPACITY if mapNode else 0.0
        )

    # The case

    def showCase(self, study, case, number: int, scan=None) -> None:
        """Show a scan, without its name; the one before goes.

        Args:
            study: its settings say whether box and map are shown.
            case: StudyCase.
            number: of the case in the reader's order; the only name that the reader sees.
            scan: ReadScan of it; None where it is still to be read.

        Raises:
            InputError: the scan cannot be loaded.
        """
        self.clearCase()
        name = _("Case {number}").format(number=number)
        self.volumeNode = self._added(scan, name) or self._loaded(case.path, name)
        folder = study.network_folder(case.name)
        if study.settings.show_region:
            self._showRegion(folder)
        if study.settings.show_map and (folder / MAP_FILE_NAME).is_file():
            mapNode = self._loaded(folder / MAP_FILE_NAME, _("{case} map").format(case=name), addMapFile)
            self._beside.append(mapNode)
            slicer.mrmlScene.RemoveNode(mapNode.GetDisplayNode())  # of a scan: grey, with its own window
            CamDisplay.prepareDisplay(mapNode)
        self._setLayers(self.volumeNode, self._mapNode())
        SliceViews.turnTo(self.volumeNode)
        if slicer.app.layoutManager() is not None:
            slicer.app.layoutManager().resetSliceViews()
        SliceViews.jumpTo(_middle(self.volumeNode))

    def clearCase(self) -> None:
        """Remove the present case's nodes."""
        self.removeMark()
        for node in (*self._beside, self.volumeNode):
            _remove(node)
        self._beside, self.volumeNode = [], None

    def setCovered(self, covered: bool) -> None:
        """Hide the images during a pause, or show them again where they were."""
        if self.volumeNode is None:
            return
        self._setLayers(None if covered else self.volumeNode, None if covered else self._mapNode())
        for node in (self.markNode, *self._beside):
            if node is not None and node.IsA("vtkMRMLMarkupsNode"):
                node.GetDisplayNode().SetVisibility(not covered)

    def _mapNode(self):
        return next((node for node in self._beside if node.IsA("vtkMRMLVolumeNode")), None)

    @staticmethod
    def _added(scan, name: str):
        """The node of a scan that was read ahead; None without one, or where its file is gone."""
        try:
            return _ofStudy(scan.addNode(name, _window(scan.voxels()))) if scan is not None else None
        except (OSError, ValueError):
            return None

    @staticmethod
    def _loaded(path, name: str, add=lambda *file: addScan(*file)[0]):
        try:
            volumeNode = add(path, name)
        except Exception as error:  # damaged files fail in many ways, and the words may tell the file's name
            raise InputError(
                "unreadable-scan",
                _("{case} could not be loaded.").format(case=name),
                _("Tell whoever leads the study; it is left out for now."),
            ) from error
        display = volumeNode.GetDisplayNode()
        if display is not None:
            display.AutoWindowLevelOff()
            display.SetWindowLevel(*_window(slicer.util.arrayFromVolume(volumeNode)))
        return _ofStudy(volumeNode)

    def _showRegion(self, folder) -> None:
        record = network_record(folder)
        roi = record["classification"].get("roi") if record else None
        if roi:
            roiNode = CuffRoi.placeRoi(self.volumeNode, roi)
            CuffRoi.setLocked(roiNode, True)
            self._beside.append(_ofStudy(roiNode))

    # The mark

    def addMark(self, kind: str) -> None:
        """Put a box or a point where the slices cross, to be dragged; an earlier mark goes."""
        self.removeMark()
        place = _crossing(self.volumeNode)
        if kind == BOX:
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", _("Tear"))
            CuffRoi.prepareDisplay(node)
            matrix = np.eye(4)
            matrix[:3, :3] = CuffRoi.axesOf(self.volumeNode)
            node.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
            node.SetCenterWorld(place)
            node.SetSize(MARK_EDGE_MM, MARK_EDGE_MM, MARK_EDGE_MM)
        else:
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Tear"))
            node.CreateDefaultDisplayNodes()
            node.GetDisplayNode().SetPointLabelsVisibility(False)
            node.GetDisplayNode().SetSelectedColor(*CuffRoi.COLOR)
            node.AddControlPoint(place)
        node.GetDisplayNode().SetVisibility3D(False)  # it is read, and marked, in the slices
        self.markNode = _ofStudy(node)

    def removeMark(self) -> None:
        """Take the mark away."""
        _remove(self.markNode)
        self.markNode = None

    def showMark(self, mark: TearMark) -> None:
        """Show a mark that was made before."""
        self.addMark(mark.kind)
        centre = (LPS_TO_RAS @ [*mark.centre_lps_mm, 1.0])[:3].tolist()
        if mark.kind == BOX:
            matrix = np.eye(4)
            matrix[:3, :3] = LPS_TO_RAS[:3, :3] @ np.array(mark.directions_lps)
            self.markNode.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(matrix))
            self.markNode.SetCenterWorld(centre)
            self.markNode.SetSize(*mark.size_mm)
        else:
            self.markNode.SetNthControlPointPositionWorld(0, centre)

    def mark(self):
        """The mark as it is kept with the answer; None where there is none."""
        node = self.markNode
        if node is None or not slicer.mrmlScene.IsNodePresent(node) or node.GetNumberOfControlPoints() == 0:
            return None
        toLps = np.linalg.inv(LPS_TO_RAS)
        place = [0.0] * 3
        if not node.IsA("vtkMRMLMarkupsROINode"):
            node.GetNthControlPointPositionWorld(0, place)
            return TearMark("point", tuple((toLps @ [*place, 1.0])[:3].tolist()))
        node.GetCenterWorld(place)
        directions = slicer.util.arrayFromVTKMatrix(node.GetObjectToWorldMatrix())[:3, :3]
        directions = toLps[:3, :3] @ (directions / np.linalg.norm(directions, axis=0))
        rows = tuple(tuple(row) for row in directions.tolist())
        return TearMark(BOX, tuple((toLps @ [*place, 1.0])[:3].tolist()), tuple(node.GetSize()), rows)


def _remove(node) -> None:
    scene = slicer.mrmlScene
    if node is not None and not scene.IsClosing() and scene.IsNodePresent(node):
        removeWhole(node)


def _ofStudy(node):
    """The node, marked as one of a study."""
    node.SetAttribute(STUDY_ATTRIBUTE, "1")
    node.SetSaveWithScene(False)
    return node


def _window(voxels) -> tuple:
    """(window, level), the same for all readers; Slicer's own is dark where some fluid or fat is far brighter."""
    low, high = (float(value) for value in np.percentile(voxels[::2, ::4, ::4], WINDOW_PERCENTILES))
    high = max(high, low + 1)
    return high - low, (high + low) / 2


def _middle(volumeNode) -> list:
    bounds = [0.0] * 6
    volumeNode.GetRASBounds(bounds)
    return [(bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3)]


def _crossing(volumeNode) -> list:
    """Where three slices cross (RAS, mm), those that are on the screen first; the middle of the scan where that is
    outside it, or there are no three."""
    normals, offsets = [], []
    for node in sorted(slicer.util.getNodesByClass("vtkMRMLSliceNode"), key=lambda one: not one.IsMappedInLayout()):
        matrix = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())
        spread = np.linalg.svd([*normals, matrix[:3, 2]], compute_uv=False)
        if len(normals) < 3 and spread[-1] > LEAST_SPREAD:
            normals.append(matrix[:3, 2])
            offsets.append(matrix[:3, 2] @ matrix[:3, 3])
    if len(normals) < 3:
        return _middle(volumeNode)
    place = np.linalg.solve(normals, offsets)
    bounds = [0.0] * 6
    volumeNode.GetRASBounds(bounds)
    low, high = np.array(bounds).reshape(3, 2).T
    return place.tolist() if np.all(place >= low) and np.all(place <= high) else _middle(volumeNode)
