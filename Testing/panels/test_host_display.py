"""The stand-in draws what a class activation map needs, with Slicer's own displayable managers, where it belongs."""

import numpy
import pytest
import vtk

pytestmark = pytest.mark.usefixtures("promptViews")

INFERNO = "vtkMRMLColorTableNodeFileInferno.txt"
PEAK_RAS = numpy.array([20.0, 10.0, 15.0])
# an oblique grid: rotated about the S axis, 2 x 2 x 3 mm
ANGLE = 0.35
MATRIX = numpy.array(
    [
        [-2 * numpy.cos(ANGLE), 2 * numpy.sin(ANGLE), 0, 60 * numpy.cos(ANGLE) - 60 * numpy.sin(ANGLE)],
        [-2 * numpy.sin(ANGLE), -2 * numpy.cos(ANGLE), 0, 60 * numpy.sin(ANGLE) + 60 * numpy.cos(ANGLE)],
        [0, 0, 3, -45],
        [0, 0, 0, 1],
    ]
)


@pytest.fixture
def slicer(slicerHost):
    return slicerHost.slicer


def grid():
    """Positions of the voxels' centres, (3, 30, 60, 60): RAS in mm over slice, row, column."""
    k, j, i = numpy.mgrid[0:30, 0:60, 0:60].astype(float)
    return numpy.einsum("ab,bkji->akji", MATRIX[:3, :3], numpy.stack([i, j, k])) + MATRIX[:3, 3, None, None, None]


@pytest.fixture
def scan(slicer):
    volume = slicer.util.addVolumeFromArray(numpy.full((30, 60, 60), 100, "int16"), ijkToRAS=MATRIX, name="MR")
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().AutoWindowLevelOff()
    volume.GetDisplayNode().SetWindowLevelMinMax(0, 400)  # grey 64
    return volume


@pytest.fixture
def cam(slicer, scan):
    """A map with one peak of 1 at PEAK_RAS, shown opaque over the scan where it is above a half."""
    distance = numpy.linalg.norm(grid() - PEAK_RAS[:, None, None, None], axis=0)
    values = numpy.exp(-numpy.log(2) * (distance / 12.0) ** 2).astype("float32")  # a half at 12 mm
    volume = slicer.util.addVolumeFromArray(values, ijkToRAS=MATRIX, name="CAM")
    volume.CreateDefaultDisplayNodes()
    display = volume.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0, 1)
    display.SetThreshold(0.5, 1.0)
    display.ApplyThresholdOn()
    display.SetAndObserveColorNodeID(INFERNO)
    slicer.util.setSliceViewerLayers(background=scan, foreground=volume, foregroundOpacity=1.0, fit=True)
    for view in ("Red", "Yellow", "Green"):
        slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode().JumpSliceByOffsetting(*PEAK_RAS)
    return volume


@pytest.fixture
def cube(slicer, scan):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "Region")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetFillVisibility(False)
    node.SetXYZ(0, 0, 0)
    node.SetRadiusXYZ(30, 30, 30)
    slicer.util.setSliceViewerLayers(background=scan, fit=True)
    for view in ("Red", "Yellow", "Green"):
        slicer.app.layoutManager().sliceWidget(view).mrmlSliceNode().JumpSliceByOffsetting(0, 0, 0)
    return node


def picture(slicerHost, view):
    """A view's picture, (rows, columns, 3), as it is after the event loop ran."""
    slicerHost.process_events(0.2)
    slicerHost.process_events(30, until=lambda: not view._timer.active)  # on a busy machine a drawing may wait
    image = view._picture.pixmap.toImage().convertToFormat(slicerHost.qt.QImage.Format_RGBA8888)
    pixels = numpy.frombuffer(image.constBits(), dtype="uint8")
    return pixels.reshape(image.height(), image.width(), 4)[..., :3].astype(int)


def slice_view(slicerHost, name):
    return slicerHost.layout_manager.sliceWidget(name).sliceView()


def place(slicerHost, name, ras):
    """Row and column of the pixel at which a slice view shows a point."""
    from host.mouse import pixel_of

    pixel = pixel_of(slice_view(slicerHost, name), ras)
    return pixel.y(), pixel.x()


def test_color_tables_are_those_that_slicer_reads_from_files(slicer):
    inferno = slicer.mrmlScene.GetNodeByID(INFERNO)
    assert (inferno.GetName(), inferno.GetNumberOfColors()) == ("Inferno", 256)
    color = [0.0] * 4
    inferno.GetColor(255, color)
    assert [round(255 * value) for value in color] == [252, 254, 164, 255]
    logic = slicer.modules.colors.logic()
    assert logic.GetFileColorNodeID("Viridis.txt") == "vtkMRMLColorTableNodeFileViridis.txt"
    for name in ("Viridis", "Plasma", "Magma", "Cividis"):
        node = slicer.mrmlScene.GetNodeByID(f"vtkMRMLColorTableNodeFile{name}.txt")
        assert node.GetHideFromEditors() and not node.GetSaveWithScene()
    assert slicer.mrmlScene.GetNodeByID(logic.GetDefaultLabelMapColorNodeID()) is not None


def test_color_selector_lists_hidden_tables_and_takes_one_by_its_id(slicer):
    selector = slicer.qMRMLColorTableComboBox()
    seen = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: seen.append(node and node.GetName()))
    assert selector.nodeCount() == 0, "without the scene there is nothing to list"
    selector.setMRMLScene(slicer.mrmlScene)
    names = [selector.nodeFromIndex(index).GetName() for index in range(selector.nodeCount())]
    assert {"Grey", "Inferno", "Viridis", "Cividis", "PET-Heat"} <= set(names)
    selector.setCurrentNodeID(INFERNO)
    assert selector.currentNode().GetName() == seen[-1] == "Inferno"
    with pytest.raises(AttributeError):
        selector.currentColor = "red"
    selector.setMRMLScene(None)  # or it would list each later test's nodes
    assert selector.nodeCount() == 0


@pytest.mark.parametrize("name", ["Red", "Yellow", "Green"])
def test_overlay_lies_on_its_place_in_its_colors_and_threshold_hides_the_rest(slicerHost, cam, name):
    pixels = picture(slicerHost, slice_view(slicerHost, name))
    overlaid = pixels.max(axis=2) - pixels.min(axis=2) > 40  # the scan is grey
    row, column = place(slicerHost, name, PEAK_RAS)
    assert tuple(pixels[row, column]) == pytest.approx((252, 254, 164), abs=14), "the peak has the last colour"
    rows, columns = numpy.nonzero(overlaid[20:-20, 20:-20])
    assert rows.mean() + 20 == pytest.approx(row, abs=2)
    assert columns.mean() + 20 == pytest.approx(column, abs=2)
    fov = slice_view(slicerHost, name).mrmlSliceNode().GetFieldOfView()
    mm_per_pixel = fov[0] / pixels.shape[1]
    radius_mm = numpy.sqrt(overlaid.sum() / numpy.pi) * mm_per_pixel
    assert radius_mm == pytest.approx(12.0, abs=1.5)


def test_opacity_of_the_overlay(slicerHost, slicer, cam):
    row, column = place(slicerHost, "Red", PEAK_RAS)
    slicer.util.setSliceViewerLayers(foregroundOpacity=0.5)
    mixed = picture(slicerHost, slice_view(slicerHost, "Red"))[row, column]
    assert tuple(mixed) == pytest.approx(tuple((numpy.array([252, 254, 164]) + 64) / 2), abs=14)


def test_legend_is_drawn_and_hidden(slicerHost, slicer, cam):
    before = picture(slicerHost, slice_view(slicerHost, "Red"))
    legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(cam.GetDisplayNode())
    changed = numpy.abs(picture(slicerHost, slice_view(slicerHost, "Red")) - before).sum(axis=2) > 60
    columns = numpy.nonzero(changed)[1]
    assert changed.sum() > 300 and columns.min() > changed.shape[1] / 2, "a legend stands at the right side"
    legend.SetVisibility(False)
    assert numpy.abs(picture(slicerHost, slice_view(slicerHost, "Red")) - before).max() < 10


@pytest.mark.parametrize("name", ["Red", "Yellow", "Green"])
def test_region_is_outlined_and_follows_its_node(slicerHost, cube, name):
    def outline():
        pixels = picture(slicerHost, slice_view(slicerHost, name))
        red = (pixels[..., 0] - pixels[..., 2] > 60) & (pixels[..., 0] > 180)
        red[:25] = red[-25:] = False
        red[:, :25] = red[:, -25:] = False
        rows, columns = numpy.nonzero(red)
        return rows.min(), rows.max(), columns.min(), columns.max()

    cube.GetDisplayNode().SetHandlesInteractive(False)
    corner, opposite = place(slicerHost, name, (-30, -30, -30)), place(slicerHost, name, (30, 30, 30))
    rows, columns = sorted((corner[0], opposite[0])), sorted((corner[1], opposite[1]))
    assert outline() == pytest.approx((*rows, *columns), abs=3)
    cube.SetSize(40, 40, 40)
    corner, opposite = place(slicerHost, name, (-20, -20, -20)), place(slicerHost, name, (20, 20, 20))
    rows, columns = sorted((corner[0], opposite[0])), sorted((corner[1], opposite[1]))
    assert outline() == pytest.approx((*rows, *columns), abs=3)


def test_region_is_dragged_by_its_handles(slicerHost, cube):
    offset = slicerHost.layout_manager.sliceWidget("Red").sliceLogic().GetSliceOffset()
    cube.SetXYZ(0, 0, offset)
    slicerHost.process_events(0.2)
    slicerHost.drag_in_slice("Red", (0, 0, offset), (20, -10, offset))
    assert tuple(cube.GetCenter()) == pytest.approx((20, -10, offset), abs=1.5)
    slicerHost.drag_in_slice("Red", (-10, -10, offset), (-20, -10, offset))
    assert cube.GetSize() == pytest.approx((70, 60, 60), abs=1.5)
    assert cube.GetCenter()[0] == pytest.approx(15, abs=1.5), "the opposite face stays"


def test_region_and_volume_rendering_appear_in_the_3d_view(slicerHost, slicer, cam, cube):
    view = slicerHost.layout_manager.threeDWidget(0).threeDView()
    cube.GetDisplayNode().SetVisibility(False)
    view.rotateToViewAxis("A")
    view.resetFocalPoint()
    empty = picture(slicerHost, view)
    cube.GetDisplayNode().SetVisibility(True)
    assert (numpy.abs(picture(slicerHost, view) - empty).sum(axis=2) > 60).sum() > 300
    cube.GetDisplayNode().SetVisibility(False)

    logic = slicer.modules.volumerendering.logic()
    display = logic.CreateDefaultVolumeRenderingNodes(cam)
    logic.CopyDisplayToVolumeRenderingDisplayNode(display)
    opacity = display.GetVolumePropertyNode().GetVolumeProperty().GetScalarOpacity()
    opacity.RemoveAllPoints()
    for value, share in ((0.0, 0.0), (0.5, 0.0), (1.0, 1.0)):
        opacity.AddPoint(value, share)
    view.resetFocalPoint()
    pixels = picture(slicerHost, view)
    glowing = (pixels[..., 0] - pixels[..., 2]) > 20  # yellow and red on the blue of the background
    rows, columns = numpy.nonzero(glowing)
    assert len(rows) > 50
    # seen from the front, the patient's left (positive R) is on the right
    peak = vtk.vtkCoordinate()
    peak.SetCoordinateSystemToWorld()
    peak.SetValue(*PEAK_RAS)
    x, y = peak.GetComputedDisplayValue(view._rendering.renderer)
    assert columns.mean() == pytest.approx(x, abs=6)
    assert pixels.shape[0] - 1 - rows.mean() == pytest.approx(y, abs=6)
    display.SetVisibility(False)
    assert ((picture(slicerHost, view)[..., 0] - picture(slicerHost, view)[..., 2]) > 20).sum() == 0


def test_what_a_result_is_made_of_comes_back_with_the_scene(slicerHost, slicer, cam, cube, tmp_path):
    maps = numpy.random.default_rng(0).normal(size=(30, 60, 60, 12)).astype("float32")
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "maps")
    slicer.util.updateVolumeFromArray(node, maps)
    node.CopyOrientation(cam)
    node.SetAndObserveStorageNodeID(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLNRRDStorageNode").GetID())
    cam.SetNodeReferenceID("maps", node.GetID())
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "classes")
    slicer.util.updateTableFromArray(table, [numpy.array([0.25, 0.75])], ["probability"])
    slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(cam.GetDisplayNode())
    slicer.modules.volumerendering.logic().CreateDefaultVolumeRenderingNodes(cam)
    bundle, folder = tmp_path / "scene.mrb", tmp_path / "scene"
    folder.mkdir()
    assert slicer.util.saveScene(str(bundle))
    assert slicer.util.saveScene(str(folder))  # a .mrml with its data beside it
    for path in (bundle, next(folder.rglob("*.mrml"))):
        slicerHost.clear_scene()
        slicer.util.loadScene(str(path))
        slicerHost.process_events(0.1)
        again = slicer.util.getNode("maps")
        assert again.IsA("vtkMRMLVectorVolumeNode")
        assert numpy.array_equal(slicer.util.arrayFromVolume(again), maps)
        loaded = slicer.util.getNode("CAM")
        assert loaded.GetNodeReference("maps") is again
        assert loaded.GetDisplayNode().GetColorNodeID() == INFERNO
        assert slicer.modules.colors.logic().GetColorLegendDisplayNode(loaded.GetDisplayNode()) is not None
        rendering = slicer.modules.volumerendering.logic().GetFirstVolumeRenderingDisplayNode(loaded)
        assert rendering is not None and rendering.GetVolumePropertyNode() is not None
        region = slicer.util.getNode("Region")
        assert region.GetSize() == pytest.approx((60, 60, 60))
        assert slicer.util.getNode("classes").GetTable().GetColumn(0).GetValue(1) == 0.75


def test_dicom_database_is_closed_until_something_is_imported(slicerHost, slicer, shared_data):
    pytest.importorskip("pydicom")
    database = slicer.dicomDatabase
    assert database is slicer.app.dicomDatabase()
    database.closeDatabase()
    assert not database.isOpen
    assert database.instanceValue("1.2.3", "0008,0060") == ""
    with pytest.raises((AttributeError, TypeError)):
        database.isOpen = True
    folder = next(path for path in sorted((shared_data / "head-ct-ge-tilt-uneven").rglob("*")) if path.is_file()).parent
    volume = slicerHost.load_dicom(folder)
    try:
        uids = volume.GetAttribute("DICOM.instanceUIDs").split()
        assert len(uids) == volume.GetImageData().GetDimensions()[2]
        assert database.isOpen
        assert database.instanceValue(uids[0], "0008,0060") == "CT"
        assert database.instanceValue(uids[0], 0x0008, 0x0060) == "CT"
        assert database.instanceValue(uids[0], "0020,0037").count("\\") == 5
        assert database.fileForInstance(uids[0]) in database.filesForSeries(
            database.instanceValue(uids[0], "0020,000E")
        )
        with pytest.raises(AttributeError):
            database.tagsOf(uids[0])
    finally:
        database.closeDatabase()
