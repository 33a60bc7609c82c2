"""The case that an annotator will open, or has just opened: read and segmented by the worker, never by the panel."""

import logging

import numpy as np
import qt
import slicer
import vtk
from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

from HemorrhageSegLib.BrainWindow import LEVEL_HU, WINDOW_HU
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.ScenePlacement import addDisplay
from RadiologyCNNLib.Signal import Signal

#: So much of a scan is taken into memory between two events, some milliseconds' work.
PART_BYTES = 4_000_000
PART_INTERVAL_MS = 15


class PreparedCase:
    """A case that is ready; its files go with :meth:`release`.

    It is taken into memory in parts, between other events, so that the key that opens it has nothing left to copy.

    Args:
        caseId: which.
        message: the worker's answer: ``volume`` (voxels as ``.npy``, geometry), ``notes`` and ``segmentation``,
            which is None where the network refused the scan or was not asked.
        isImageKept: whether the worker has written the dataset's plain copy of the scan.
        folder: where the files are.

    Attributes:
        isLoaded: whether all of it is in memory.
        notes: what the reader has done to the scan, as sentences for the person.
    """

    def __init__(self, caseId, message, isImageKept, folder) -> None:
        self.caseId, self.isImageKept, self.folder = caseId, isImageKept, folder
        self.volume, self.notes, self.segmentation = message["volume"], message["notes"], message["segmentation"]
        self._parts = self._copyParts()
        self._image = vtk.vtkImageData()
        self._probability = None
        self.isLoaded = False

    def loadMore(self) -> bool:
        """Take some more of it into memory; whether something is left.

        Raises:
            OSError, ValueError: a file is gone or broken.
        """
        return next(self._parts, None) is not None

    def _copyParts(self):
        voxels = np.load(self.volume["array"], mmap_mode="r", allow_pickle=False)
        image = self._image
        image.SetDimensions(*voxels.shape[::-1])
        image.AllocateScalars(get_vtk_array_type(voxels.dtype), 1)
        target = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(voxels.shape)
        step = max(PART_BYTES // voxels[0].nbytes, 1)
        for first in range(0, len(voxels), step):
            target[first : first + step] = voxels[first : first + step]
            yield True
        if self.segmentation is not None:
            self._probability = np.load(self.segmentation["probability"], allow_pickle=False)
        del voxels  # a file that is mapped cannot be removed everywhere
        VolumeExchange.removeFolder(self.folder)
        self.isLoaded = True

    def _loadAll(self) -> None:
        while self.loadMore():
            pass
        if not self.isLoaded:
            raise OSError("a file of the prepared case could not be read")

    def addVolumeNode(self, isBrainWindow=True):
        """The scan as a new node of the scene.

        Args:
            isBrainWindow: whether it will be shown in that window; Slicer then need not look for a window by itself,
                which is most of the time that a large scan takes to open.

        Raises:
            OSError, ValueError: its file is gone or broken.
        """
        self._loadAll()
        ijkToRas = LPS_TO_RAS @ np.array(self.volume["ijk_to_lps"], float)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", self.caseId)
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijkToRas))
        node.SetAndObserveImageData(self._image)
        if isBrainWindow:
            addDisplay(node, WINDOW_HU, LEVEL_HU)
        return node

    def probability(self) -> np.ndarray:
        """The network's probability, a float32 crop, (K, J, I) or (labels, K, J, I)."""
        self._loadAll()
        return self._probability

    def release(self) -> None:
        VolumeExchange.removeFolder(self.folder)


class NextCase:
    """Asks for one case at a time and keeps it until it is taken or another one is wanted.

    Signals:
        ended(caseId): it is in memory, or cannot be had from here.

    Args:
        logic: HemorrhageSegLogic, through which the worker is asked.
    """

    def __init__(self, logic) -> None:
        self.ended = Signal("caseId")
        self._logic = logic
        self._folder = None
        self._prepared = None
        self._image = ""
        self.caseId = ""  # being prepared, ready, or found to be impossible to prepare
        self._timer = qt.QTimer()
        self._timer.setInterval(PART_INTERVAL_MS)
        self._timer.connect("timeout()", self._loadMore)
        logic.casePrepared.connect(self._onPrepared)
        logic.preparingFailed.connect(lambda _error: self.ended.emit(self.caseId))

    @property
    def isReady(self) -> bool:
        """Whether the next case is in memory, whole."""
        return self._prepared is not None and not self._timer.active

    def isRead(self, caseId: str) -> bool:
        """Whether the worker has read this case."""
        return caseId == self.caseId and self._prepared is not None

    def prepare(self, caseId: str, path, image="", model: str = "", device: str = "auto", isSegmented=True) -> None:
        """Have a case prepared, unless it is already.

        Args:
            caseId: which.
            path: of its scan.
            image: where to write a plain copy of it; "" where there is one.
            model: what to segment it with.
            device: what on.
            isSegmented: whether to segment it.
        """
        if caseId == self.caseId:
            return
        self.drop()
        self.caseId, self._image = caseId, str(image)
        self._folder = VolumeExchange.temporaryFolder()
        self._logic.prepareCase(caseId, path, image, isSegmented, model, device, self._folder)

    def _onPrepared(self, caseId, message) -> None:
        if caseId == self.caseId and self._folder is not None:
            folder, self._folder = self._folder, None
            self._prepared = PreparedCase(caseId, message, bool(self._image), folder)
            self._timer.start()

    def _loadMore(self) -> None:
        try:
            if self._prepared is not None and self._prepared.loadMore():
                return
        except (OSError, ValueError) as error:  # whoever opens the case is told
            logging.warning("HemorrhageSeg: the next case could not be loaded: %s", error)
        self._timer.stop()
        self.ended.emit(self.caseId)

    def take(self, caseId: str):
        """The PreparedCase, whom it belongs to from now on; None where it is not ready, and it is dropped then."""
        prepared = self._prepared if caseId == self.caseId else None
        if prepared is not None:
            self._prepared = None
        self.drop()
        return prepared

    def drop(self) -> None:
        """Forget what was prepared, and have the worker stop preparing."""
        self.caseId = ""
        self._timer.stop()
        self._logic.stopPreparing()
        if self._prepared is not None:
            self._prepared.release()
        elif self._folder is not None:
            VolumeExchange.removeFolder(self._folder)
        self._prepared = self._folder = None
