"""ReversedScan: a result whose scan's slices Slicer has put into the reverse order.

It does so with each left-handed scan (as a hardened mirroring transform makes one) that it reads from a file, also of a
saved scene, and with probability maps, but neither with segments nor with what a record says of slices.
"""

import numpy as np

from HemorrhageSegLib.MaskOrigin import maskKey
from HemorrhageSegLib.ResultPresenter import setReferenceGeometry, updateTable
from radiologycnn.images.affine import apart_mm
from RadiologyCNNLib.ScanGeometry import TOLERANCE_MM, ijkToRas, ijkToWorld, parentToWorld


def followReversedScan(result) -> None:
    """Where the grid of the scan and its maps is the result's with its slices reversed, bring the result onto it."""
    record, volumeNode = result.record, result.volumeNode
    if volumeNode is None or volumeNode.GetImageData() is None or record.get("warped_places") is not None:
        return
    count, rows, columns = record["shape_kji"]
    toWorld = parentToWorld(result.segmentationNode)
    grid = np.array(record["grid_ijk_to_ras"], float) @ _reversal(count)
    shape = volumeNode.GetImageData().GetDimensions()[::-1]
    if shape != (count, rows, columns) or apart_mm(toWorld @ grid, ijkToWorld(volumeNode), shape) > TOLERANCE_MM:
        return
    maps = result.probabilityNodes
    k, j, i = record["offset_kji"]
    if maps:
        k = count - k - maps[0].GetImageData().GetDimensions()[2]
        start = np.eye(4)
        start[:3, 3] = i, j, k
        if max(apart_mm(grid @ start, ijkToRas(node), shape) for node in maps) > TOLERANCE_MM:
            return
    (mask, offset), wasKnown = result.maskCrop(), record.get("mask_key") == maskKey(result)
    measurements = _reversedMeasurements(record.get("measurements"), count)
    result.updateRecord(grid_ijk_to_ras=grid.tolist(), offset_kji=[k, j, i], measurements=measurements)
    setReferenceGeometry(result)
    result.setMask(mask[::-1], (count - offset[0] - len(mask), *offset[1:]))
    if wasKnown:
        result.updateRecord(mask_key=maskKey(result))
    updateTable(result)


def _reversal(count: int) -> np.ndarray:
    """4x4, of voxel indices (i, j, k): the first of so many slices becomes the last one."""
    matrix = np.diag([1.0, 1.0, -1.0, 1.0])
    matrix[2, 3] = count - 1
    return matrix


def _reversedMeasurements(measurements, count: int):
    """The same with the numbers that its slices have now; None for none."""
    if not measurements:
        return measurements
    lesions = [
        {**lesion, "first_slice": count - 1 - lesion["last_slice"], "last_slice": count - 1 - lesion["first_slice"]}
        for lesion in measurements["lesions"]
    ]
    return {**measurements, "lesions": lesions}
