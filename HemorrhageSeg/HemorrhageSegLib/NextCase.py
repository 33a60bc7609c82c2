"""The case that an annotator will open next: read and segmented by the worker while the present one is corrected."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from HemorrhageSegLib.BrainWindow import LEVEL_HU, WINDOW_HU
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import VolumeExchange


@dataclass
class PreparedCase:
    """A case that is ready; its files go with :meth:`release`.

    Attributes:
        caseId: which.
        volume: the worker's ``volume`` field: voxels as ``.npy``, geometry.
        isImageKept: whether the worker has written the dataset's plain copy of the scan.
        segmentation: the worker's answer to ``segment``; None where the network refused the scan or was not asked.
        folder: where the files are.
    """

    caseId: str
    volume: dict
    isImageKept: bool
    segmentation: dict | None
    folder: Path

    def addVolumeNode(self, isBrainWindow=True):
        """The scan as a new node of the scene.

        Args:
            isBrainWindow: whether it will be shown in that window; Slicer then need not look for a window by itself,
                which is most of the time that a large scan takes to open.

        Raises:
            OSError, ValueError: its file is gone or broken.
        """
        voxels = np.load(self.volume["array"], mmap_mode="r", allow_pickle=False)
        ijkToRas = LPS_TO_RAS @ np.array(self.volume["ijk_to_lps"], float)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", self.caseId)
        slicer.util.updateVolumeFromArray(node, voxels)
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(ijkToRas))
        if isBrainWindow:
            _showInBrainWindow(node)
        return node

    def probability(self) -> np.ndarray:
        """The network's probability, a float32 crop, (K, J, I) or (labels, K, J, I)."""
        return np.load(self.segmentation["probability"], allow_pickle=False)

    def release(self) -> None:
        VolumeExchange.removeFolder(self.folder)


def _showInBrainWindow(volumeNode) -> None:
    display = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    display.UnRegister(None)  # CreateNodeByClass counts one reference too many for Python
    display.AutoWindowLevelOff()
    display.SetWindowLevel(WINDOW_HU, LEVEL_HU)
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    slicer.mrmlScene.AddNode(display)
    volumeNode.SetAndObserveDisplayNodeID(display.GetID())


class NextCase:
    """Asks for one case at a time and keeps it until it is taken or another one is wanted.

    Args:
        logic: HemorrhageSegLogic, through which the worker is asked.
    """

    def __init__(self, logic) -> None:
        self._logic = logic
        self._folder = None
        self._prepared = None
        self._image = ""
        self.caseId = ""  # being prepared, ready, or found to be impossible to prepare
        logic.casePrepared.connect(self._onPrepared)

    @property
    def isReady(self) -> bool:
        return self._prepared is not None

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
            self._prepared = PreparedCase(caseId, message["volume"], bool(self._image), message["segmentation"], folder)

    def take(self, caseId: str):
        """The PreparedCase, whom it belongs to from now on; None where it is not ready, and it is dropped then."""
        prepared = self._prepared if caseId == self.caseId else None
        if prepared is not None:
            self._prepared = None
        self.drop()
        return prepared

    def drop(self) -> None:
        """Forget what was prepared. A job under way is left to its end: to stop it could cost the warm worker."""
        self.caseId = ""
        self._logic.forgetPreparing()
        if self._prepared is not None:
            self._prepared.release()
        elif self._folder is not None:
            VolumeExchange.removeFolder(self._folder)
        self._prepared = self._folder = None
