"""One rater's work on a list of head CTs: opens cases, keeps masks and decisions; no widgets in here."""

import logging
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import BlindReading, TwoMasks
from HemorrhageSegLib.AnnotationRecords import editsOf, maskInLabelsOf, networkMessage, voxelsFingerprint
from HemorrhageSegLib.CaseScans import CaseScans, maskGrid
from HemorrhageSegLib.MaskOrigin import maskKey, networkRun
from HemorrhageSegLib.SceneResult import SceneResult
from HemorrhageSegLib.SegmentStatus import showStatus
from radiologycnn.annotation.dataset import is_dataset
from radiologycnn.annotation.records import ACCEPTED, IN_PROGRESS, Decision, Mask
from radiologycnn.annotation.scan_folder import find_scans
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.awake_clock import awake_seconds
from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.hemorrhage.mask_values import are_types, types_text
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.WorkClock import WorkClock

#: Folder for the annotations within the folder of the scans, where the person has chosen no other.
DATASET_FOLDER = "annotations"


class AnnotationLogic:
    """The list that is open, and the case of it that is on the screen.

    Args:
        now: the clock's time in seconds.
    """

    def __init__(self, now=awake_seconds) -> None:
        self.clock = WorkClock(now)
        self.store = None
        self.scans = CaseScans()
        self.caseId = self.volumeId = ""  # of the open case
        self._segmentationId = ""  # of its result, once that was taken
        self.isUnreadable = False  # the case was to be opened, and could not
        self.changes = 0  # of the mask, since the case was made
        self.notes = ()  # what the reader has done to the open case's scan, for the person; never kept
        self._savedKey = None  # of the mask that was saved last; that of an empty one is ""
        self._network = self._unkeptNetwork = None
        self._scanParts = iter(())  # of the open case's scan, as far as they are still to be written

    # The list

    def openFolder(self, scans, dataset="", rater="", keepNames=False) -> int:
        """Make a list of the scans in a folder; returns how many there are.

        Args:
            scans: searched with all folders below it.
            dataset: where masks and decisions are kept; "" for one in the folder of the scans, or that folder itself
                where it is one.
            rater: who works.
            keepNames: let the scans' file names into the dataset.

        Raises:
            InputError: no scans, no rater id, or a folder that cannot be used. The list that was open stays.
        """
        found, usual = find_scans(Path(scans)), Path(scans) / DATASET_FOLDER
        store = self._makeStore(dataset or (scans if is_dataset(Path(scans)) else usual), rater)
        ids = store.add_scans(found, keepNames)
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
        self.scans.unload()  # a scan of the list before is one of this list now, and stays
        return len(prints)

    @staticmethod
    def _makeStore(dataset, rater):
        return AnnotationStore(dataset, rater, {"Slicer": str(slicer.app.applicationVersion)})

    def _use(self, store, scans) -> None:
        self.forgetCase()
        self.store = store
        self.scans.use(store, scans)

    @property
    def isOpen(self) -> bool:
        return self.store is not None

    def rows(self) -> list:
        """A CaseRow for each scan of the list, by id."""
        return self.scans.rows() if self.isOpen else []

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
        self.caseId, self.isUnreadable = caseId, True  # until it is open: it can be flagged or rejected without a scan
        volumeNode, self.notes, isWritten = self.scans.load(caseId, prepared, isBrainWindow)
        try:
            VolumeExchange.checkVolumeNode(volumeNode)
            array, ijkToRas, parts = maskGrid(volumeNode)
            matrix = LPS_TO_RAS @ ijkToRas
            self.store.check_grid(caseId, array.shape, matrix)
            word = self.store.begin(caseId)
        except Exception:
            if self.scans.unload()[0]:
                slicer.mrmlScene.RemoveNode(volumeNode)
            raise
        parts = parts if self.scans.missingImage(caseId) else ()
        self._scanParts = chain(parts, self.store.write_scan_in_parts(caseId, array, matrix, isWritten))
        self.isUnreadable, self.volumeId = False, volumeNode.GetID()
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

    def forgetCase(self) -> None:
        """No case is on the screen any more; what is not saved is lost."""
        try:
            self.keepNetwork()
        except RadiologyCNNError as error:  # it can be computed again
            logging.warning("HemorrhageSeg: the network's result of %s was not kept: %s", self.caseId, error)
        self.caseId = self.volumeId = self._segmentationId = ""
        self._savedKey = None
        self.isUnreadable = False
        self.notes = ()
        self._network = self._unkeptNetwork = None
        self._scanParts = iter(())
        self.clock.pause()
        self.clock.restart()

    @property
    def volumeNode(self):
        """The open case's scan, whichever is chosen in the panel; None without a case, and where it was removed."""
        return slicer.mrmlScene.GetNodeByID(self.volumeId) if self.volumeId else None

    @property
    def result(self):
        """The open case's SceneResult, whichever scan is chosen in the panel; None before it was taken."""
        node = slicer.mrmlScene.GetNodeByID(self._segmentationId) if self._segmentationId else None
        return SceneResult.ofSegmentation(node)

    def isOfCase(self, result) -> bool:
        """Whether a result is the open case's, and was taken."""
        return bool(self._segmentationId) and result.segmentationNode.GetID() == self._segmentationId

    def keptNetworkResult(self, modelSha256=""):
        """(message, probability) of an earlier run of the network on the open case, of any rater; None without."""
        return self.store.network_result(self.caseId, modelSha256) if self.caseId else None

    def hasNetworkResult(self, caseId, modelSha256) -> bool:
        """Whether a case's result of that network is kept."""
        return self.store.network_result(caseId, modelSha256) is not None

    def takeResult(self, result, saveForUndo=lambda: None) -> bool:
        """A network's result is in the scene: put the rater's own mask on it, where there is one.

        Also where the person has run the network anew: the mask that is theirs goes only where they say so. One that
        they have corrected in the scene since, while another case was open, stays: it is saved with the next draft.
        The result itself is written by :meth:`keepNetwork`, which can wait until it is on the screen.

        Args:
            saveForUndo: called before a mask is replaced that may hold corrections of the person's own.

        Returns:
            Whether the rater's own mask was put on it.
        """
        self._checkGrid(result)
        self._network, self._unkeptNetwork = None, result
        word = self.store.annotation(self.caseId)
        isRunAnew = self.isOfCase(result)
        BlindReading.noteRater(result, self.store.rater)
        self._segmentationId, self._savedKey = result.segmentationNode.GetID(), maskKey(result)
        self.scans.noteResult(self._segmentationId)
        own = self.store.read_mask(word) if word else None
        if own is not None and TwoMasks.isNewerInScene(result, own):
            self._savedKey = TwoMasks.keyOfKept(own)
            self._note(_("This mask was corrected after it was kept. Accept it anew."))
            showStatus(result, IN_PROGRESS)
            return False
        if own is not None:
            if TwoMasks.isLostWith(result, own):
                saveForUndo()
                self._note(_("Your kept mask has replaced another one that was in the scene: Undo brings that back."))
            own, note = maskInLabelsOf(result, own, bool(word.types))
            if isRunAnew and not note:
                note = _("Your mask stays. “Back to the network's mask” shows what the network has found now.")
            self._note(note)
            result.setMask(own.crop, own.offset_kji)
        self._noteSaved(result)
        showStatus(result, word.status if word else IN_PROGRESS)
        return own is not None

    def _note(self, note) -> None:
        self.notes += (note,) if note and note not in self.notes else ()

    def _noteSaved(self, result) -> None:
        self._savedKey = maskKey(result)
        TwoMasks.noteKept(result)

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
        return result is not None and self._savedKey is not None and maskKey(result) != self._savedKey

    def saveDraft(self, comment="", keepsTime=False) -> bool:
        """Keep what has been drawn and typed so far; whether there was anything to keep.

        Args:
            comment: as it stands in the panel. A decided case stays decided where nothing but this is another one.
            keepsTime: whether the clock alone is worth it, as when a case that is in progress is left.

        Raises:
            InputError, ResourceError: it could not be written; nothing has changed.
        """
        result = self.result
        if self.isUnsaved(result):
            self._write(result, IN_PROGRESS, comment)
            return True
        word, seconds = self.store.annotation(self.caseId), self.clock.seconds
        isTimed = keepsTime and word is not None and not word.is_decided and abs(seconds - word.seconds) >= 1.0
        if comment == (word.comment.strip() if word is not None else "") and not isTimed:
            return False
        self.store.submit_remark(self.caseId, comment, seconds)
        return True

    def takeOthersAway(self, remove) -> list:
        """Take what other raters have drawn off the list's scans; names of segmentations that stay, not shown.

        Args:
            remove: function (SceneResult) that takes a result out of the scene.
        """
        names = [
            BlindReading.takeAway(SceneResult.ofVolume(node), self.store, caseId, remove)
            for caseId, node in self.scans.sceneNodes().items()
        ]
        return [name for name in names if name]

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
        mask, run = Mask(*result.maskCrop()), networkRun(result.record)
        about["types"] = types_text(mask.crop) if are_types(result.labels) else ""
        sha = (run["provenance"] or {}).get("model_sha256", "")
        about["model"] = {"id": str(run["model"] or ""), "sha256": str(sha)}
        if self._network is not None:
            found, about["network"] = self._network
            voxelMl = self.store.case(self.caseId).voxel_ml
            about["edits"] = asdict(editsOf(result, found, mask, voxelMl, self.changes))
        word = self.store.submit(self.caseId, Decision(status, mask, **about))
        self._noteSaved(result)
        showStatus(result, status, keepsRedo=status == IN_PROGRESS)
        return word
