"""WorkerJob: a request under way, and what its answer has to be judged by."""

from dataclasses import dataclass

import numpy as np
import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.images.volume import LPS_TO_RAS
from RadiologyCNNLib import InputWatch, VolumeExchange
from RadiologyCNNLib.PartwiseCall import PartwiseCall
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, liesAt, worldPlaces
from RadiologyCNNLib.WorkerError import WorkerError


@dataclass
class WorkerJob:
    """A request under way. Nodes are held by identifier: the scene may be closed before the answer comes.

    kind: the command, which also chooses who takes the answer.
    folder: temporary folder that goes when the job ends; "" for none.
    volumeId: identifier of the scan that it works on.
    nodeId: identifier of the result node that it is about.
    volume: what the worker was given as the scan.
    about: what else its answer has to be judged by.
    voxelsTime: VTK's count of changes to the scan's voxels when the worker was given them; set with the request.
    places: where points of the scan lay in the world then, (n, 3), RAS in mm; set with the request.
    hardening: what has been done, or is, so that the scan under a warp can be sent; None where nothing was needed.
    """

    kind: str
    folder: str = ""
    volumeId: str = ""
    nodeId: str = ""
    volume: dict | None = None
    about: dict | None = None
    voxelsTime: int = 0
    places: np.ndarray | None = None
    hardening: PartwiseCall | None = None

    def rememberScan(self) -> None:
        """The scan, where there is one, is what the worker is given now."""
        volumeNode = slicer.mrmlScene.GetNodeByID(self.volumeId)
        if volumeNode is not None:
            self.voxelsTime, self.places = InputWatch.voxelsTime(volumeNode), worldPlaces(volumeNode)

    def unchangedScan(self, shapeKji=None):
        """The scan and the matrix from its voxel index to world RAS (4x4, mm) as the worker was given it.

        Args:
            shapeKji: voxels as (slices, rows, columns) that the worker worked on; None for those of the exported file.

        Raises:
            InputError: the scan was removed, or is no longer what the worker was given.
        """
        volumeNode = slicer.mrmlScene.GetNodeByID(self.volumeId)
        if volumeNode is None or volumeNode.GetImageData() is None:
            raise InputError("volume-removed", _("The scan was removed while the network worked on it."))
        if shapeKji is None:
            shapeKji = np.load(self.volume["array"], mmap_mode="r", allow_pickle=False).shape
        # a warped scan is sent on a grid of its own
        isWarped = hasNonlinearTransform(volumeNode)
        isSameShape = isWarped or volumeNode.GetImageData().GetDimensions()[::-1] == tuple(shapeKji)
        if not isSameShape or not liesAt(volumeNode, self.places):
            raise InputError(
                "volume-changed",
                _("The scan was changed or moved while the network worked on it, so the result no longer fits it."),
                _("Start again."),
            )
        hasNewTime = InputWatch.voxelsTime(volumeNode) != self.voxelsTime
        if hasNewTime and not VolumeExchange.sameVoxels(volumeNode, self.volume["array"]):
            raise InputError(
                "voxels-changed",
                _("The scan's voxels were changed while the network worked on it: its answer is of the old ones."),
                _("Start again."),
            )
        return volumeNode, LPS_TO_RAS @ np.array(self.volume["ijk_to_lps"], float)


def workerError(error: Exception) -> WorkerError:
    """Any failure on this side as the worker would have told it."""
    if isinstance(error, RadiologyCNNError):
        return WorkerError(error.code, error.message, error.hint, "")
    return WorkerError(
        "panel-error",
        _("The result could not be shown: {reason}").format(reason=str(error) or type(error).__name__),
        _("The application log holds the details."),
        "",
    )
