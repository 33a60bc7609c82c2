"""The scans of a case list: where each one is, and how it comes into the scene."""

import contextlib

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.AnnotationRecords import ijkToLps
from radiologycnn.annotation.scan_folder import SCAN_ENDINGS
from radiologycnn.errors import InputError
from RadiologyCNNLib.ScanFile import addScan


class CaseScans:
    """Files, or volumes that are in the scene already; at most one node is the list's own.

    Attributes:
        ids: of the cases, sorted.
    """

    def __init__(self) -> None:
        self.ids = []
        self._store = None
        self._scans = {}  # case id -> ScanFile, or the identifier of a volume node
        self._loadedId = ""  # identifier of a volume node that the list has loaded, and removes again

    def use(self, store, scans) -> None:
        """Be the scans of another list: case id -> ScanFile, or the identifier of a volume node."""
        self._store, self._scans, self.ids = store, scans, sorted(scans)

    @property
    def hasFiles(self) -> bool:
        """Whether scans of the list are in files, so that a worker can read them."""
        return any(not isinstance(scan, str) for scan in self._scans.values())

    def name(self, caseId) -> str:
        """The scan's name in its folder; its node's identifier for a scan of the scene."""
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
            InputError: the scan is gone, or cannot be read.
        """
        scan = self._scans[caseId]
        if isinstance(scan, str):
            node = slicer.mrmlScene.GetNodeByID(scan)
            if node is None:
                raise InputError("scan-gone", _("The scan is no longer there."), _("Open the folder again."))
            return node, (), False
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

    def unload(self) -> str:
        """Forget the node that was loaded for the last case; returns its identifier, "" for none of ours."""
        loaded, self._loadedId = self._loadedId, ""
        return loaded
