"""ReadAhead: the scan file that will be shown next, read by the worker and taken into memory between other events."""

import logging

import numpy as np
import qt
import slicer
import vtk
from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.ScenePlacement import addDisplay
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.WorkerListener import WorkerListener

#: So much of a scan is taken into memory between two events, some milliseconds' work.
PART_BYTES = 4_000_000
PART_INTERVAL_MS = 15


class ReadScan:
    """A scan that the worker has read; its files go with :meth:`release`.

    It is taken into memory in parts, between other events, so that the key that shows it has nothing left to copy.

    Args:
        message: the worker's answer: ``volume`` (voxels as ``.npy``, geometry) and ``notes``.
        folder: where the files are.

    Attributes:
        isLoaded: whether all of it is in memory.
        notes: what the reader has done to the scan, as sentences for the person.
    """

    def __init__(self, message, folder) -> None:
        self.volume, self.notes, self.folder = message["volume"], message["notes"], folder
        self._parts = self._copyParts()
        self._image = vtk.vtkImageData()
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
        target = self._voxels()
        step = max(PART_BYTES // voxels[0].nbytes, 1)
        for first in range(0, len(voxels), step):
            target[first : first + step] = voxels[first : first + step]
            yield True
        self._loadRest()
        del voxels  # a file that is mapped cannot be removed everywhere
        VolumeExchange.removeFolder(self.folder)
        self.isLoaded = True

    def _loadRest(self) -> None:
        """What else there is in the folder, for a subclass."""

    def loadAll(self) -> None:
        """Take the rest of it into memory at once.

        Raises:
            OSError, ValueError: a file is gone or broken.
        """
        while self.loadMore():
            pass
        if not self.isLoaded:
            raise OSError("a file of the scan could not be read")

    def _voxels(self) -> np.ndarray:
        return vtk_to_numpy(self._image.GetPointData().GetScalars()).reshape(self._image.GetDimensions()[::-1])

    def voxels(self) -> np.ndarray:
        """All of it, shape (K, J, I).

        Raises: as :meth:`loadAll`.
        """
        self.loadAll()
        return self._voxels()

    def addNode(self, name: str, window=None):
        """The scan as a new node of the scene.

        Args:
            name: of the node.
            window: (window, level) that it will be shown in; Slicer then need not look for one by itself, which is
                most of the time that a large scan takes to be shown.

        Raises: as :meth:`loadAll`.
        """
        self.loadAll()
        ijkToRas = LPS_TO_RAS @ np.array(self.volume["ijk_to_lps"], float)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijkToRas))
        node.SetAndObserveImageData(self._image)
        if window is not None:
            addDisplay(node, *window)
        return node

    def release(self) -> None:
        """Leave nothing of it on the disk."""
        self._parts.close()  # its file is mapped until then
        VolumeExchange.removeFolder(self.folder)


class ReadAhead(WorkerListener):
    """Asks for one scan at a time and keeps it until it is taken or another one is wanted.

    Signals:
        ended(key): it is in memory, or cannot be had from here.

    Args:
        logic: a panel's WorkerJobsLogic, whose worker is asked.
    """

    def __init__(self, logic) -> None:
        self.ended = Signal("key")
        self._logic = logic
        self._folder = self._scan = self._job = None
        self._isAsking = self._hasFailed = False
        self.key = ""  # of the scan that is being read, ready, or found to be impossible to read
        self._timer = qt.QTimer()
        self._timer.setInterval(PART_INTERVAL_MS)
        self._timer.connect("timeout()", self._loadMore)
        super().__init__()

    @property
    def isReady(self) -> bool:
        """Whether the scan is in memory, whole."""
        return self._scan is not None and not self._timer.active

    def isRead(self, key: str) -> bool:
        """Whether the worker has read this scan."""
        return key == self.key and self._scan is not None

    def read(self, key: str, path, image=None, segment=False, model=None, device=None) -> None:
        """Have a scan read, unless it is already.

        Args:
            key: by which it is taken.
            path: of its file, or of the first or the folder of its DICOM series.
            image, segment, model, device: of the worker's ``prepare_case``.
        """
        if key == self.key:
            return
        self.drop()
        self.key = key
        self._folder = VolumeExchange.temporaryFolder()
        self.client = self._logic.client
        self._isAsking, self._hasFailed = True, False
        self._job = self.client.request(
            "prepare_case", path=str(path), image=image, segment=segment, model=model, device=device,
            output=str(self._folder),
        )  # fmt: skip
        self._isAsking = False
        if self._hasFailed:
            self._end()

    def _makeScan(self, message, folder) -> ReadScan:
        return ReadScan(message, folder)

    def _onResult(self, job, message) -> None:
        if job == self._job:
            self._job = None
            folder, self._folder = self._folder, None
            self._scan = self._makeScan(message, folder)
            self._timer.start()

    def _onFailed(self, job, error) -> None:
        if self._isAsking:  # the client knows at once that it cannot be had
            self._hasFailed = True
        elif job == self._job:
            self._end()

    def _onCancelled(self, job) -> None:
        if job == self._job:
            self._end()

    def _end(self) -> None:
        self._job = None
        self.ended.emit(self.key)

    def _loadMore(self) -> None:
        try:
            if self._scan is not None and self._scan.loadMore():
                return
        except (OSError, ValueError) as error:  # whoever shows the scan is told
            logging.warning("A scan that was read ahead could not be loaded: %s", error)
        self._timer.stop()
        self.ended.emit(self.key)

    def take(self, key: str):
        """The ReadScan, whom it belongs to from now on; None where it is not there, and it is dropped then."""
        scan = self._scan if key == self.key else None
        if scan is not None:
            self._scan = None
        self.drop()
        return scan

    def drop(self) -> None:
        """Forget what was read, and have the worker stop reading; it is not ended for that."""
        job, self._job, self.key = self._job, None, ""
        self._timer.stop()
        if job is not None:
            self._client.cancel(job, mayKill=False)
        if self._client is not None:
            self.client = None
        if self._scan is not None:
            self._scan.release()
        elif self._folder is not None:
            VolumeExchange.removeFolder(self._folder)
        self._scan = self._folder = None
