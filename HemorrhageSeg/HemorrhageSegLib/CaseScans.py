"""The scans of a case list: where each one is, and how it comes into the scene."""

import contextlib

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.AnnotationRecords import ijkToLps, voxelsFingerprint
from radiologycnn.annotation.records import TO_DO
from radiologycnn.annotation.scan_folder import SCAN_ENDINGS
from radiologycnn.errors import InputError
from RadiologyCNNLib.CaseTable import CaseRow
from RadiologyCNNLib.ScanFile import addScan
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, ijkToRas
from RadiologyCNNLib.WarpedScan import warpedScan


class CaseScans:
    """Files, or volumes that are in the scene already; at most one node is the list's own.

    Attributes:
        ids: of the cases, sorted.
    """

    def __init__(self) -> None:
        self.ids = []
        self._store = None
        self._rows = []  # as they were when the dataset was read last
        self._scans = {}  # case id -> ScanFile, or the identifier of a volume node
        self._loadedId = ""  # identifier of a volume node that the list has loaded, and removes again
        self._resultId = ""  # identifier of the segmentation node on it

    def use(self, store, scans) -> None:
        """Be the scans of another list: case id -> ScanFile, or the identifier of a volume node."""
        self._store, self._scans, self.ids, self._rows = store, scans, sorted(scans), []

    def rows(self) -> list:
        """A CaseRow for each scan of the list, by id; as last known while the dataset cannot be reached."""
        if self._store.is_reachable or not self._rows:
            predictions = self._store.predictions()
            self._rows = [self._row(caseId, predictions.get(caseId)) for caseId in self.ids]
        return self._rows

    def _row(self, caseId, prediction):
        word = self._store.annotation(caseId)
        name = self.name(caseId)
        network = (None, None, None)
        if prediction:
            network = (prediction.volume_ml, prediction.uncertainty, prediction.correction_ml)
        if word is None:
            return CaseRow(caseId, TO_DO, name, None, 0.0, "", *network)
        return CaseRow(caseId, word.status, name, word.volume_ml, word.seconds, word.comment, *network)

    def sceneNodes(self) -> dict:
        """The list's scans of the scene that are still there: case id -> volume node."""
        ids = {caseId: scan for caseId, scan in self._scans.items() if isinstance(scan, str) and scan}
        nodes = {caseId: slicer.mrmlScene.GetNodeByID(nodeId) for caseId, nodeId in ids.items()}
        return {caseId: node for caseId, node in nodes.items() if node is not None}

    def sceneClosed(self) -> None:
        """No scan of the scene is there any more: Slicer gives their identifiers to others."""
        self._scans = {caseId: "" if isinstance(scan, str) else scan for caseId, scan in self._scans.items()}

    @property
    def hasFiles(self) -> bool:
        """Whether scans of the list are in files, so that a worker can read them."""
        return any(not isinstance(scan, str) for scan in self._scans.values())

    def name(self, caseId) -> str:
        """The scan's name in its folder; its node's identifier for a scan of the scene, "" where that was closed."""
        scan = self._scans[caseId]
        return scan if isinstance(scan, str) else scan.name

    def path(self, caseId):
        """The file of a case's scan, or the first of its DICOM series; None for a scan of the scene."""
        scan = self._scans.get(caseId)
        return None if scan is None or isinstance(scan, str) else scan.path

    def missingImage(self, caseId):
        """Where the dataset's plain copy of a scan has to be written; "" where it is there."""
        case = self._store.case(caseId)
        return "" if case.image else self._store.folder / "images" / f"{caseId}.nii"

    def load(self, caseId, prepared=None, isBrainWindow=True) -> tuple:
        """A case's scan as a node; (node, notes of its reader, whether the dataset's copy of it is written).

        Args:
            caseId: which.
            prepared: PreparedCase of it, where the worker has read it already.
            isBrainWindow: whether it will be shown in that window.

        Raises:
            InputError: the scan is gone, is not the one that was listed, or cannot be read.
        """
        scan = self._scans[caseId]
        if isinstance(scan, str):
            return self._ofScene(caseId, scan), (), False
        node, notes, isWritten = self._prepared(prepared, isBrainWindow)
        if node is None:
            node, notes = addScan(scan.path, caseId)
        if not self._fits(caseId, node):
            other = self._bySlicer(caseId, scan.path)
            if other is not None:
                slicer.mrmlScene.RemoveNode(node)
                node, notes, isWritten = other, (), False
        self._loadedId = node.GetID()
        return node, tuple(notes), isWritten

    def _ofScene(self, caseId, nodeId):
        node = slicer.mrmlScene.GetNodeByID(nodeId) if nodeId else None
        if node is None or node.GetImageData() is None:
            hint = _("Load it again, then click Loaded scans.")
            raise InputError("scan-gone", _("The scan is no longer in the scene."), hint)
        if voxelsFingerprint(node) != self._store.case(caseId).source:
            hint = _("Load it again as it was; or click Loaded scans to list it as it is now.")
            raise InputError("other-scan", _("This is not the scan that was listed, or it was changed."), hint)
        return node

    @staticmethod
    def _prepared(prepared, isBrainWindow) -> tuple:
        if prepared is not None:
            with contextlib.suppress(OSError, ValueError):  # its file is gone
                return prepared.addVolumeNode(isBrainWindow), prepared.notes, prepared.isImageKept
        return None, (), False

    def _fits(self, caseId, node) -> bool:
        """Whether a scan lies on the grid that its case's masks are on."""
        try:
            self._store.check_grid(caseId, node.GetImageData().GetDimensions()[::-1], ijkToLps(node))
        except InputError:
            return False
        return True

    def _bySlicer(self, caseId, path):
        """The scan by Slicer's own reader, where that gives the grid that the masks are on; else None.

        Lists of earlier versions were read by it. It may take another of a NIfTI file's two matrices.
        """
        if not path.name.lower().endswith(SCAN_ENDINGS):
            return None
        node = None
        with contextlib.suppress(RuntimeError):
            node = slicer.util.loadVolume(str(path), {"name": caseId, "show": False})
        if node is not None and not self._fits(caseId, node):
            slicer.mrmlScene.RemoveNode(node)
            node = None
        return node

    def noteResult(self, segmentationId) -> None:
        """The open case has a result now: it outlives its scan where somebody deletes that."""
        self._resultId = segmentationId

    def unload(self) -> tuple:
        """Forget the nodes of the last case; (scan's identifier, "" for none of ours; its segmentation's)."""
        before, self._loadedId, self._resultId = (self._loadedId, self._resultId), "", ""
        return before


def maskGrid(volumeNode) -> tuple:
    """What a scan's masks lie on: voxels (K, J, I), 4x4 (index to RAS, mm), and an iterator that fills the voxels.

    A scan under a warp, as Slicer lays it over tilted and uneven series, has its result on the resampled scan's grid,
    in the world; that takes seconds, so each step of the iterator does some milliseconds' work of it. It raises
    InputError where the scan was changed or removed meanwhile.
    """
    if not hasNonlinearTransform(volumeNode):
        return slicer.util.arrayFromVolume(volumeNode), ijkToRas(volumeNode), iter(())
    warped = warpedScan(volumeNode)
    return warped.array, warped.ijkToRas, _resampling(warped, volumeNode)


def _resampling(warped, volumeNode):
    while not warped.step(volumeNode):
        yield
