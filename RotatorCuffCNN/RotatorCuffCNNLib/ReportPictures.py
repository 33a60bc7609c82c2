"""Pictures for the report: the views as the person has arranged them, or three slices made from the voxels.

The second where no slice view shows the scan: Slicer without a main window, a layout without slices, or another scan
on the screen.
"""

import contextlib

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from radiologycnn.images.png import png_bytes
from radiologycnn.rotatorcuff.report_page import Picture
from RadiologyCNNLib import VolumeExchange
from RadiologyCNNLib.ScanGeometry import ijkToWorld
from RotatorCuffCNNLib import CamDisplay, CamRendering
from RotatorCuffCNNLib.CuffResult import CuffResult

FIRST_VIEWS = ("Red", "Green", "Yellow")  #: of Slicer's usual layouts; a person's own may have others


def reportPictures(result: CuffResult) -> list:
    """Pictures of the slice views that show the scan and, where the map is rendered, of the 3D view."""
    heading = CamDisplay.legendTitle(result)
    pictures = []
    manager = slicer.app.layoutManager()
    if manager is not None:
        for name in sorted(manager.sliceViewNames(), key=lambda one: (*FIRST_VIEWS, one).index(one)):
            widget = manager.sliceWidget(name)
            if widget is not None and widget.visible and _showsScan(widget, result):
                sliceNode = widget.mrmlSliceNode()
                matrix = slicer.util.arrayFromVTKMatrix(sliceNode.GetSliceToRAS())
                edges = _edges(matrix[:3, 0], -matrix[:3, 1])
                caption = _planeName(matrix[:3, 2])
                if widget.mrmlSliceCompositeNode().GetForegroundVolumeID() == result.camNode.GetID():
                    caption = f"{caption} · {heading}"
                pictures.append(Picture(viewPng(widget.sliceView()), caption, edges))
    if not pictures:
        return slicePictures(result)
    threeD = manager.threeDWidget(0) if manager.threeDViewCount else None
    if threeD is not None and threeD.visible and CamRendering.isVisible(result):
        pictures.append(Picture(viewPng(threeD.threeDView()), f"{_('3D')} · {heading}"))
    return pictures


def _showsScan(widget, result: CuffResult) -> bool:
    """Whether a slice view has the result's scan behind all that it shows: another may be another patient's."""
    volumeNode = result.volumeNode
    return volumeNode is not None and widget.mrmlSliceCompositeNode().GetBackgroundVolumeID() == volumeNode.GetID()


def viewPng(view) -> bytes:
    """What a slice or 3D view shows, as the content of a PNG file, without the texts in its corners."""
    with _withoutCornerTexts(view):
        view.forceRender()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(view.renderWindow())
        grabber.SetShouldRerender(False)
        grabber.ReadFrontBufferOff()
        writer = vtk.vtkPNGWriter()
        writer.SetWriteToMemory(True)
        writer.SetInputConnection(grabber.GetOutputPort())
        writer.Write()
        return bytes(memoryview(writer.GetResult()))


@contextlib.contextmanager
def _withoutCornerTexts(view):
    """For a ``with`` block: Slicer's slice view annotations may show the patient's name and date of birth."""
    hidden = []
    renderers = view.renderWindow().GetRenderers()
    for number in range(renderers.GetNumberOfItems()):
        props = renderers.GetItemAsObject(number).GetViewProps()
        props = [props.GetItemAsObject(each) for each in range(props.GetNumberOfItems())]
        hidden += [prop for prop in props if prop.IsA("vtkCornerAnnotation") and prop.GetVisibility()]
    for prop in hidden:
        prop.SetVisibility(False)
    try:
        yield
    finally:
        for prop in hidden:
            prop.SetVisibility(True)
        view.scheduleRender()


def slicePictures(result: CuffResult) -> list:
    """The scan's three planes through the shown map's peak with the map laid over, made from the voxels.

    Without evidence they run through the middle of the map; without the scan there are none.
    """
    volumeNode = result.volumeNode
    if volumeNode is None or volumeNode.GetImageData() is None:
        return []
    scan, scanToWorld = VolumeExchange.inWorld(volumeNode)
    cam = slicer.util.arrayFromVolume(result.camNode)
    toScan = np.linalg.inv(scanToWorld)
    scanToCam = np.linalg.inv(ijkToWorld(result.camNode)) @ scanToWorld
    peak = result.peakRas() if result.canSwitch else None
    if peak is None:
        middle = [(count - 1) / 2 for count in cam.shape[::-1]]
        peak = (ijkToWorld(result.camNode) @ [*middle, 1.0])[:3]
    place = np.round((toScan @ [*peak, 1.0])[:3]).astype(int)
    place = np.clip(place, 0, np.array(scan.shape[::-1]) - 1)
    axes = scanToWorld[:3, :3]
    heading = CamDisplay.legendTitle(result)
    pictures = []
    for axis in (2, 1, 0):  # the plane of the slices first: in it the scan is sharpest
        picture, edges = _slicePicture(result, scan, cam, scanToCam, axis, int(place[axis]), axes)
        pictures.append(Picture(png_bytes(picture), f"{_planeName(axes[:, axis])} · {heading}", edges))
    return pictures


def _slicePicture(result, scan, cam, scanToCam, axis: int, number: int, axes) -> tuple:
    """One plane of the scan with square pixels and the map over it, uint8 (rows, columns, 3), and its edges' letters.

    As radiologists hang it: superior or else anterior on top, the patient's right or else anterior on the left.
    """
    one, other = (each for each in (0, 1, 2) if each != axis)
    towardsTop = [abs(axes[2, each]) / np.linalg.norm(axes[:, each]) for each in (one, other)]
    if max(towardsTop) < 0.6:  # none of them runs up the body: the plane is axial
        towardsTop = [abs(axes[1, each]) / np.linalg.norm(axes[:, each]) for each in (one, other)]
    across, down = (one, other) if towardsTop[1] >= towardsTop[0] else (other, one)
    spacing = np.linalg.norm(axes, axis=0)
    pixel = min(spacing[across], spacing[down])
    size = np.array(scan.shape[::-1])
    columns = _steps(size[across], spacing[across], pixel)
    rows = _steps(size[down], spacing[down], pixel)
    # pictures start on the side of R, A or S, whichever an axis runs along
    toTheRight, towardsBottom = axes[:, across], axes[:, down]
    if toTheRight[np.argmax(np.abs(toTheRight))] > 0:
        columns, toTheRight = columns[::-1], -toTheRight
    if towardsBottom[np.argmax(np.abs(towardsBottom))] > 0:
        rows, towardsBottom = rows[::-1], -towardsBottom
    ijk = np.empty((len(rows), len(columns), 3))
    ijk[..., axis], ijk[..., across], ijk[..., down] = number, columns[None, :], rows[:, None]
    low, high = np.percentile(scan[::2, ::2, ::2], (1, 99.5))
    grey = np.clip((_sampled(scan, ijk) - low) / max(high - low, 1e-6), 0, 1)
    share = _sampled(cam, ijk @ scanToCam[:3, :3].T + scanToCam[:3, 3])
    display = result.camNode.GetScalarVolumeDisplayNode()
    table = display.GetColorNode().GetLookupTable()
    count = table.GetNumberOfTableValues()
    colors = np.array([table.GetTableValue(value)[:3] for value in range(count)])
    alpha = np.where(share >= display.GetLowerThreshold(), CamDisplay.opacityOf(result), 0.0)[..., None]
    overlaid = (1 - alpha) * grey[..., None] + alpha * colors[np.clip(share * (count - 1), 0, count - 1).astype(int)]
    return np.round(255 * overlaid).astype(np.uint8), _edges(toTheRight, towardsBottom)


def _planeName(normal) -> str:
    """The plane that a picture's direction of view (RAS) is nearest to: that of an oblique series has no other name."""
    return (_("Sagittal"), _("Coronal"), _("Axial"))[int(np.argmax(np.abs(normal)))]


def _edges(toTheRight, towardsBottom) -> tuple:
    """Letters of the patient's sides at a picture's left, right, top and bottom edge, from two directions in RAS."""
    letters = []
    for direction in (toTheRight, towardsBottom):
        axis = int(np.argmax(np.abs(direction)))
        positive, negative = ("RL", "AP", "SI")[axis]
        letters += [negative, positive] if direction[axis] > 0 else [positive, negative]
    return tuple(letters)


def _steps(count: int, spacing: float, pixel: float) -> np.ndarray:
    """Fractional indices along an axis, one a pixel."""
    wanted = max(2, min(1024, round(count * spacing / pixel)))
    return (np.arange(wanted) + 0.5) * count / wanted - 0.5


def _sampled(array: np.ndarray, ijk: np.ndarray) -> np.ndarray:
    """Linear interpolation at fractional indices (..., 3) as (i, j, k); 0 outside, the edge value near the faces."""
    size = np.array(array.shape[::-1])
    inside = np.all((ijk >= -0.5) & (ijk <= size - 0.5), axis=-1)
    clipped = np.clip(ijk, 0, size - 1)
    first = np.minimum(clipped.astype(int), np.maximum(size - 2, 0))
    share = clipped - first
    result = np.zeros(ijk.shape[:-1])
    for corner in np.ndindex(2, 2, 2):
        i, j, k = (np.minimum(first[..., axis] + corner[axis], size[axis] - 1) for axis in range(3))
        weights = [share[..., axis] if corner[axis] else 1 - share[..., axis] for axis in range(3)]
        result += weights[0] * weights[1] * weights[2] * array[k, j, i]
    return np.where(inside, result, 0.0)
