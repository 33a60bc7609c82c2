"""WarpedScan: a scan's voxels as a warp puts them into the world, resampled once and between the panel's events.

Slicer's DICOM reader puts such a transform over every series with gantry tilt or uneven gaps. Hardening it takes
seconds, so it is done in parts, from the scan's own voxels: neither the node nor the scene is touched.
"""

import time
import zlib

import numpy as np
import slicer.util
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from radiologycnn.errors import InputError
from RadiologyCNNLib.InputWatch import voxelsTime
from RadiologyCNNLib.ScanGeometry import generalToWorld, ijkToRas, worldPlaces

PART_SECONDS = 0.03  #: of one part; a tenth of a second is felt
_FEWEST_ROWS = 16  #: of a part: with fewer, making the parts ready would take longer than resampling them
_KEPT = "_radiologyCNNWarpedScan"  #: on the Python side of a volume node, with which it goes


def warpedScan(volumeNode) -> "WarpedScan":
    """A scan under its warp: as far as it was resampled before; anew where voxels, geometry or transform have changed.

    Args:
        volumeNode: a scan with a parent transform that is not linear.
    """
    state = _stateOf(volumeNode)
    kept = getattr(volumeNode, _KEPT, None)
    if kept is None or kept.state != state:
        kept = WarpedScan(volumeNode, state)
        setattr(volumeNode, _KEPT, kept)
    kept.seen = _changesOf(volumeNode)  # voxels that were written anew with the same values are the same
    return kept


class WarpedScan:
    """Resamples a scan exactly as ``HardenTransform`` of a copy would.

    Args:
        volumeNode: only read; its voxels and its transform are looked at again at each part.
        state: what the copy is made of; another one for another copy.

    Attributes:
        array: voxels in the world, (K, J, I), of the scan's own type; whole once ``isDone``.
        ijkToRas: 4x4, index in ``array`` to world RAS in mm.
        seen: VTK's counts of changes when it was last asked for.
    """

    def __init__(self, volumeNode, state) -> None:
        self.state = state
        self.seen = ()
        toRas, toIjk = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
        volumeNode.GetRASToIJKMatrix(toIjk)
        vtk.vtkMatrix4x4.Invert(toIjk, toRas)  # as HardenTransform does; the node's own differs in the last digit
        self._reslice = reslice = vtk.vtkImageReslice()
        fromWorld = generalToWorld(volumeNode).GetInverse()
        resample = vtk.vtkGeneralTransform()
        resample.PostMultiply()
        for step in (toRas, fromWorld, toIjk):
            resample.Concatenate(step)
        reslice.SetResliceTransform(resample)
        reslice.SetInterpolationModeToLinear()
        reslice.SetBackgroundColor([volumeNode.GetImageBackgroundScalarComponentAsDouble(n) for n in range(4)])
        reslice.SetOutputDimensionality(3)
        reslice.TransformInputSamplingOff()
        bounds = np.zeros(6)
        volumeNode.GetSliceBounds(bounds, toIjk)  # of the warped scan, in voxels, with their outer faces
        low, high = bounds.reshape(3, 2).T
        first = low + 0.5
        reslice.SetOutputOrigin(first)
        reslice.SetOutputSpacing(1.0, 1.0, 1.0)
        size = np.ceil(high - low - 1e-3).astype(int)  # no further voxel for a thousandth of one
        self.array = np.empty(size[::-1], slicer.util.arrayFromVolume(volumeNode).dtype)
        self.ijkToRas = slicer.util.arrayFromVTKMatrix(toRas)
        self.ijkToRas[:3, 3] += self.ijkToRas[:3, :3] @ first
        self._next, self._rows = 0, 4 * _FEWEST_ROWS

    @property
    def isDone(self) -> bool:
        """Whether all parts are there."""
        return self._next >= self.array.shape[0] * self.array.shape[1]

    def step(self, volumeNode) -> bool:
        """Resample one more part; whether it was the last one.

        Raises:
            InputError: the scan, or what it lies under, was changed or removed since :func:`warpedScan` gave this.
        """
        if self.isDone:
            return True
        if volumeNode.GetScene() is None or volumeNode.GetImageData() is None:
            raise InputError("volume-removed", "The scan was removed before the network got it.")
        if _changesOf(volumeNode) != self.seen:
            raise InputError(
                "volume-changed", "The scan was changed or moved before the network got it.", "Start again."
            )
        start = time.thread_time()
        rowsOfSlice, columns = self.array.shape[1:]
        k, first = divmod(self._next, rowsOfSlice)
        last = min(first + self._rows, rowsOfSlice) - 1
        self._reslice.SetInputData(volumeNode.GetImageData())
        self._reslice.SetOutputExtent(0, columns - 1, first, last, k, k)
        self._reslice.Update()
        part = vtk_to_numpy(self._reslice.GetOutput().GetPointData().GetScalars())
        self.array[k, first : last + 1] = part.reshape(last - first + 1, columns)
        self._reslice.SetInputData(None)  # the scan's voxels are not kept for this
        self._next += last - first + 1
        share = PART_SECONDS / max(time.thread_time() - start, 1e-4)
        self._rows = max(_FEWEST_ROWS, int((last - first + 1) * min(share, 4.0)))
        return self.isDone

    def finish(self, volumeNode) -> None:
        """Resample what is missing, at once.

        Raises:
            InputError: as :meth:`step`.
        """
        while not self.step(volumeNode):
            pass


def _changesOf(volumeNode) -> tuple:
    """What is another one whenever VTK was told of a change of voxels, geometry or transforms."""
    changes = [voxelsTime(volumeNode), ijkToRas(volumeNode).tobytes()]
    transform = volumeNode.GetParentTransformNode()
    while transform is not None:
        toParent = transform.GetTransformToParent()
        changes.append((transform.GetID(), toParent.GetMTime() if toParent is not None else 0))
        transform = transform.GetParentTransformNode()
    return tuple(changes)


def _stateOf(volumeNode) -> tuple:
    """What is another one for other voxels, another grid or another warp, also where nobody has told VTK."""
    array = np.ascontiguousarray(slicer.util.arrayFromVolume(volumeNode))
    voxels = (array.shape, array.dtype.str, zlib.crc32(array.reshape(-1).view(np.uint8)))
    return voxels, _changesOf(volumeNode)[1:], worldPlaces(volumeNode).tobytes()
