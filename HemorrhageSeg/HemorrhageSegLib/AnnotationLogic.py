"""One rater's work on a list of head CTs: opens cases, keeps masks and decisions; no widgets in here."""

import logging
import time
from dataclasses import asdict
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib.AnnotationRecords import ijkToLps, maskInLabelsOf, networkMessage, voxelsFingerprint
from HemorrhageSegLib.SceneResult import maskKey
from radiologycnn.annotation.records import (
    ACCEPTED,
    FLAGGED,
    IN_PROGRESS,
    REJECTED,
    TO_DO,
    Decision,
    EditStatistics,
    Mask,
)
from radiologycnn.annotation.scan_folder import SCAN_ENDINGS, find_scans
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.hemorrhage.mask_values import are_types, types_text
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.CaseTable import CaseRow
from RadiologyCNNLib.ScanFile import addScan
from RadiologyCNNLib.WorkClock import WorkClock

#: Folder for the annotations within the folder of the scans, where the person has chosen no other.
DATASET_FOLDER = "annotations"


class AnnotationLogic:
    """The list that is open, and the case of it that is on the screen.

    Args:
        now: the clock's time in seconds.
    """

    def __init__(self, now=time.monotonic) -> None:
        self.clock = WorkClock(now)
        self.store = None
        self.caseId = self.volumeId = ""  # of the open case
        self.changes = 0  # of the mask, since the case was made
        self.notes = ()  # what the reader has done to the open case's scan, for the person; never kept
        self._scans = {}  # case id -> ScanFile, or the volume node of the scene
        self._loadedId = ""  # identifier of a volume node that the list has loaded, and removes again
        self._savedKey = ""
        self._network = self._unkeptNetwork = None
        self._scanParts = iter(())  # of the open case's scan, as far as they are still to be written

    # The list

    def openFolder(self, scans, dataset="", rater="", keepNames=False) -> int:
        """Make a list of the scans in a folder; returns how many there are.

        Args:
            scans: searched with all folders below it.
            dataset: where masks and decisions are kept; "" for a folder beside the scans.
            rater: who works.
            keepNames: let the scans' file names into the dataset.

        Raises:
            InputError: no scans, no rater id, or a folder that cannot be used. The list that was open stays.
        """
        found = find_scans(Path(scans))
        store = self._makeStore(dataset or Path(scans) / DATASET_FOLDER, rater)
        ids = store.add_sources([(scan.fingerprint, scan.name) for scan in found], keepNames)
        self._use(store, {ids[scan.fingerprint]: scan for scan in found})
        return len(found)

    def openScene(self, volumeNodes, dataset, rater="", keepNames=False) -> int:
        """Make a list of scans that are loaded already; returns how many there are.

        Raises: as :meth:`openFolder`.
        """
        if not volumeNodes:
            raise InputError("no-scans", _("There is no head CT in the scene."), _("Load scans first."))
        store = self._makeStore(dataset, rater)
        prints = {voxelsFingerprint(node): node for node in volumeNodes}
        ids = store.add_sources([(key, node.GetName()) for key, node in prints.items()], keepNames)
        self._use(store, {ids[key]: node.GetID() for key, node in prints.items()})
        self.unload()  # a scan of the list before is one of this list now, and stays
        return len(prints)

    @staticmethod
    def _makeStore(dataset, rater):
        return AnnotationStore(dataset, rater, {"Slicer": str(slicer.app.applicationVersion)})

    def _use(self, store, scans) -> None:
        self.forgetCase()
        self.store, self._scans = store, scans

    @property
    def isOpen(self) -> bool:
        return self.store is not None

    def rows(self) -> list:
        """A CaseRow for each scan of the list, by id."""
        if not self.isOpen:
            return []
        predictions = self.store.predictions()
        return [self._row(caseId, predictions.get(caseId)) for caseId in sorted(self._scans)]

    def _row(self, caseId, prediction):
        word = self.store.annotation(caseId)
        scan = self._scans[caseId]
        name = scan if isinstance(scan, str) else scan.name
        network = (None, None, None)
        if prediction:
            network = (prediction.volume_ml, prediction.uncertainty, prediction.correction_ml)
        if word is None:
            return CaseRow(caseId, TO_DO, name, None, 0.0, "", *network)
        return CaseRow(caseId, word.status, name, word.volume_ml, word.seconds, word.comment, *network)

    @property
    def hasFiles(self) -> bool:
        """Whether scans of the list are in files, so that a worker can read them."""
        return any(not isinstance(scan, str) for scan in self._scans.values())

    def scanPath(self, caseId):
        """The file of a case's scan, or the first of its DICOM series; None for a scan of the scene."""
        scan = self._scans.get(caseId)
        return None if scan is None or isinstance(scan, str) else scan.path

    def missingImage(self, caseId):
        """Where the dataset's plain copy of a scan has to be written; "" where it is there."""
        case = self.store.case(caseId)
        return "" if case.image else self.store.folder / "images" / f"{caseId}.nii"

    # A case

    def openCase(self, caseId, prepared=None, isBrainWindow=True):
        """Load a case's scan and start the clock; returns the volume node.

        Where the dataset lacks the scan, :meth:`writeMore` writes it.

        Args:
            caseId: which.
            prepared: PreparedCase of it, where the worker has read it already.
            isBrainWindow: whether it will be shown in that window.

        Raises:
            InputError: the scan is gone, cannot be read, or is not what it was.
        """
        self.forgetCase()
        scan = self._scans[caseId]
        volumeNode = self._addPrepared(prepared, isBrainWindow)
        isWritten = volumeNode is not None and prepared.isImageKept
        if volumeNode is None:
            volumeNode = slicer.mrmlScene.GetNodeByID(scan) if isinstance(scan, str) else self._load(scan.path, caseId)
        try:
            if volumeNode is None:
                raise InputError("scan-gone", _("The scan is no longer there."), _("Open the folder again."))
            VolumeExchange.checkVolumeNode(volumeNode)
            array, matrix = slicer.util.arrayFromVolume(volumeNode), ijkToLps(volumeNode)
            self.store.check_grid(caseId, array.shape, matrix)
            self._scanParts = self.store.write_scan_in_parts(caseId, array, matrix, isWritten)
            word = self.store.begin(caseId)
        except Exception:
            if self.unload():
                slicer.mrmlScene.RemoveNode(volumeNode)
            raise
        self.caseId, self.volumeId = caseId, volumeNode.GetID()
        self.changes = int(word.edits.get("changes", 0))
        self.clock.restart(word.seconds)
        return volumeNode

    def writeMore(self) -> bool:
        """Write some more of the open case's scan into the dataset, some milliseconds' work; whether there is more.

        Raises:
            InputError, ResourceError: it could not be written; it is tried again when the case is opened again.
        """
        return next(self._scanParts, self) is None

    def _writeAll(self) -> None:
        while self.writeMore():
            pass

    def _addPrepared(self, prepared, isBrainWindow):
        """The node of a prepared scan; None where it is not prepared, or not on the grid that its masks are on."""
        if prepared is None:
            return None
        try:
            volumeNode = prepared.addVolumeNode(isBrainWindow)
        except (OSError, ValueError):
            return None
        try:
            shapeKji = volumeNode.GetImageData().GetDimensions()[::-1]
            self.store.check_grid(prepared.caseId, shapeKji, ijkToLps(volumeNode))
        except InputError:  # another reader than now was used when the case was first opened
            slicer.mrmlScene.RemoveNode(volumeNode)
            return None
        self._loadedId, self.notes = volumeNode.GetID(), tuple(prepared.notes)
        return volumeNode

    def _load(self, path, caseId):
        try:
            if path.name.lower().endswith(SCAN_ENDINGS):
                volumeNode = slicer.util.loadVolume(str(path), {"name": caseId, "show": False})
            else:
                volumeNode, self.notes = addScan(path, caseId)
        except RuntimeError:
            volumeNode = None
        if volumeNode is None:
            raise InputError("unreadable", _("{file} could not be read.").format(file=path.name), _("Flag the case."))
        self._loadedId = volumeNode.GetID()
        return volumeNode

    def unload(self) -> str:
        """Forget the node that was loaded for the last case; returns its identifier, "" for none of ours."""
        loaded, self._loadedId = self._loadedId, ""
        return loaded

    def forgetCase(self) -> None:
        """No case is on the screen any more; what is not saved is lost."""
        try:
            self.keepNetwork()
        except RadiologyCNNError as error:  # it can be computed again
            logging.warning("HemorrhageSeg: the network's result of %s was not kept: %s", self.caseId, error)
        self.caseId = self.volumeId = self._savedKey = ""
        self.notes = ()
        self._network = self._unkeptNetwork = None
        self._scanParts = iter(())
        self.clock.pause()
        self.clock.restart()

    def keptNetworkResult(self, modelSha256=""):
        """(message, probability) of an earlier run of the network on the open case, of any rater; None without."""
        return self.store.network_result(self.caseId, modelSha256) if self.caseId else None

    def hasNetworkResult(self, caseId, modelSha256) -> bool:
        """Whether a case's result of that network is kept."""
        return self.store.network_result(caseId, modelSha256) is not None

    def takeResult(self, result) -> bool:
        """A network's result is in the scene: put the rater's own mask on it, where there is one.

        The result itself is written by :meth:`keepNetwork`, which can wait until it is on the screen.

        Returns:
            Whether the rater's own mask is shown now.
        """
        self._checkGrid(result)
        self._network, self._unkeptNetwork = None, result
        word = self.store.annotation(self.caseId)
        own = self.store.read_mask(word) if word else None
        if own is not None:
            own, note = maskInLabelsOf(result, own, bool(word.types))
            self.notes += (note,) if note and note not in self.notes else ()
            result.setMask(own.crop, own.offset_kji)
        self._savedKey = maskKey(result)
        self.showStatus(result, word.status if word else IN_PROGRESS)
        return own is not None

    def keepNetwork(self) -> None:
        """Keep the network's result that was taken last, where that has not been done.

        Raises:
            InputError, ResourceError: it could not be written; it is tried again the next time.
        """
        if self._unkeptNetwork is not None:
            self._writeAll()
            result, found = self._unkeptNetwork, self._unkeptNetwork.networkMask()
            if found is not None:  # else its probability is gone
                mask, message = Mask(*found), networkMessage(result)
                self._network = (mask, self.store.submit_network(self.caseId, mask, message, result.probability()))
            self._unkeptNetwork = None

    def _checkGrid(self, result) -> None:
        matrix = slicer.util.arrayFromVTKMatrix(result.gridMatrix())
        self.store.check_grid(self.caseId, result.record["shape_kji"], LPS_TO_RAS @ matrix)

    def isUnsaved(self, result) -> bool:
        """Whether the mask is another one than was saved last."""
        return bool(self.caseId and result is not None and self._savedKey and maskKey(result) != self._savedKey)

    def saveDraft(self, result, comment="") -> bool:
        """Keep what has been drawn so far; whether there was anything to keep."""
        if not self.isUnsaved(result):
            return False
        self._write(result, IN_PROGRESS, comment)
        return True

    def decide(self, result, status, comment=""):
        """Say the rater's word on the open case; when this returns, it is on the disk. Its files are made later.

        Args:
            result: may be None where a scan is flagged or rejected.

        Raises:
            InputError, ResourceError: it could not be written; nothing has changed.
        """
        if status == ACCEPTED and result is None:
            raise InputError("no-mask", _("There is no mask to accept."), _("Click Segment first, or flag the case."))
        return self._write(result, status, comment)

    def _write(self, result, status, comment):
        about = {"seconds": self.clock.seconds, "comment": comment}
        self._writeAll()
        if result is None:
            return self.store.submit(self.caseId, Decision(status, **about))
        self._checkGrid(result)
        self.keepNetwork()
        mask, record = Mask(*result.maskCrop()), result.record
        about["types"] = types_text(mask.crop) if are_types(result.labels) else ""
        sha = (record.get("provenance") or {}).get("model_sha256", "")
        about["model"] = {"id": str(record.get("model") or ""), "sha256": str(sha)}
        if self._network is not None:
            found, about["network"] = self._network
            voxelMl = self.store.case(self.caseId).voxel_ml
            about["edits"] = asdict(EditStatistics.of(found, mask, voxelMl, self.changes))
        word = self.store.submit(self.caseId, Decision(status, mask, **about))
        self._savedKey = maskKey(result)
        self.showStatus(result, status)
        return word

    @staticmethod
    def showStatus(result, status) -> None:
        """Slicer's own status of the segments, which its segment lists show."""
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        status = {ACCEPTED: logic.Completed, FLAGGED: logic.Flagged, REJECTED: logic.Flagged}.get(
            status, logic.InProgress
        )
        for label in result.labels:
            segment = result.segmentationNode.GetSegmentation().GetSegment(result.segmentId(label))
            if segment is not None:
                logic.SetSegmentStatus(segment, status)
