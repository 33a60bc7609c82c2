"""The case that an annotator will open, or has just opened: read and segmented by the worker, never by the panel."""

import numpy as np

from HemorrhageSegLib.BrainWindow import LEVEL_HU, WINDOW_HU
from RadiologyCNNLib.ReadAhead import ReadAhead, ReadScan


class PreparedCase(ReadScan):
    """A case that is ready.

    Args:
        caseId: which.
        message: the worker's answer: as of ReadScan, and ``segmentation``, which is None where the network refused the
            scan or was not asked.
        isImageKept: whether the worker has written the dataset's plain copy of the scan.
        folder: where the files are.
    """

    def __init__(self, caseId, message, isImageKept, folder) -> None:
        super().__init__(message, folder)
        self.caseId, self.isImageKept, self.segmentation = caseId, isImageKept, message["segmentation"]
        self._probability = None

    def _loadRest(self) -> None:
        if self.segmentation is not None:
            self._probability = np.load(self.segmentation["probability"], allow_pickle=False)

    def addVolumeNode(self, isBrainWindow=True):
        """The scan as a new node of the scene; ``isBrainWindow`` says whether it will be shown in that window.

        Raises:
            OSError, ValueError: its file is gone or broken.
        """
        return self.addNode(self.caseId, (WINDOW_HU, LEVEL_HU) if isBrainWindow else None)

    def probability(self) -> np.ndarray:
        """The network's probability, a float32 crop, (K, J, I) or (labels, K, J, I)."""
        self.loadAll()
        return self._probability


class NextCase(ReadAhead):
    """Asks for one case at a time and keeps it until it is taken or another one is wanted.

    Args:
        logic: HemorrhageSegLogic, whose worker is asked.
    """

    def __init__(self, logic) -> None:
        super().__init__(logic)
        self._isImageKept = False

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
        if caseId != self.key:
            self._isImageKept = bool(image)
            self.read(caseId, path, str(image) or None, isSegmented, model or None, device)

    def _makeScan(self, message, folder) -> PreparedCase:
        return PreparedCase(self.key, message, self._isImageKept, folder)
