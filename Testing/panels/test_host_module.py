"""The stand-in runs a scripted module written for Slicer: panel, parameter node, views, scene, reload."""

from pathlib import Path

import numpy
import pytest
from host.tests import phantom

pytestmark = pytest.mark.usefixtures("promptViews")

SAMPLE = Path(__file__).resolve().parents[1] / "host" / "tests" / "data" / "HostSample"


@pytest.fixture
def slicer(slicerHost):
    return slicerHost.slicer


@pytest.fixture
def headCt(slicer):
    array, matrix = phantom.head()
    volume = slicer.util.addVolumeFromArray(array, ijkToRAS=matrix, name="Head CT")
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().AutoWindowLevelOff()
    volume.GetDisplayNode().SetWindowLevelMinMax(0, 100)
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    return volume


@pytest.fixture
def panel(slicerHost):
    return slicerHost.load_module(SAMPLE)


def picture(slicerHost, name):
    """The slice view's picture as an array (rows, columns, 3), after the event loop ran as it would for a person."""
    view = slicerHost.layout_manager.sliceWidget(name).sliceView()
    slicerHost.process_events(0.2)
    slicerHost.process_events(30, until=lambda: not view._timer.active)  # on a busy machine a drawing may wait
    image = view._picture.pixmap.toImage()
    image = image.convertToFormat(slicerHost.qt.QImage.Format_RGBA8888)
    width, height = image.width(), image.height()
    return numpy.frombuffer(image.constBits(), dtype="uint8").reshape(height, width, 4)[..., :3].astype(int)


def jump(slicerHost, ras):
    for name in slicerHost.layout_manager.sliceViewNames():
        slicerHost.layout_manager.sliceWidget(name).mrmlSliceNode().JumpSliceByOffsetting(*ras)


@pytest.mark.parametrize(("name", "left", "top"), [("Red", True, True), ("Green", True, True), ("Yellow", True, True)])
def test_views_show_the_ball_where_radiologists_expect_it(slicerHost, headCt, name, left, top):
    """The ball lies right, in front and up: left of centre (right, or front in sagittal) and above centre."""
    jump(slicerHost, (35, 30, 20))
    bright = picture(slicerHost, name)[..., 0]
    rows, columns = numpy.nonzero((bright > 180) & (bright < 200))  # 75 HU in a window from 0 to 100
    assert len(rows) > 50
    assert (columns.mean() < bright.shape[1] / 2) == left
    assert (rows.mean() < bright.shape[0] / 2) == top


def test_edge_letters(slicerHost, headCt):
    views = {name: slicerHost.layout_manager.sliceWidget(name)._rendering for name in ("Red", "Green", "Yellow")}
    assert views["Red"].edge_letters() == ("R", "L", "P", "A")
    assert views["Green"].edge_letters() == ("R", "L", "I", "S")
    assert views["Yellow"].edge_letters() == ("A", "P", "I", "S")


def test_panel_from_ui_to_result(slicerHost, slicer, headCt, panel):
    assert panel.ui.inputSelector.currentNode() is None
    assert not panel.ui.applyButton.enabled
    panel.ui.inputSelector.setCurrentNode(headCt)
    assert panel.parameters.inputVolume is headCt
    panel.ui.thresholdSlider.value = 70
    assert panel.parameters.threshold == 70
    jump(slicerHost, (35, 30, 20))
    before = picture(slicerHost, "Red")
    slicerHost.click(panel.ui.applyButton)
    assert panel.ui.resultLabel.text.endswith(" mL")
    assert ("info", "Done") in slicerHost.messages
    assert panel.ui.show3DButton.checked
    reddened = (picture(slicerHost, "Red") - before)[..., 0] - (picture(slicerHost, "Red") - before)[..., 1] > 20
    assert reddened.sum() > 200, "the segmentation's fill is not seen over the image"
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    for node in (headCt, panel.parameters.result, panel.parameters.table):
        assert hierarchy.GetItemByDataNode(node)


def test_row_of_the_table_is_selected_by_a_click(slicerHost, headCt, panel):
    panel.ui.inputSelector.setCurrentNode(headCt)
    slicerHost.click(panel.ui.applyButton)
    view = panel.ui.tableView
    assert view.mrmlTableNode() is panel.parameters.table
    slicerHost.click(view.viewport(), view.visualRect(view.model().index(1, 0)).center())
    assert panel.calls[-1] == ("row", [1])


def test_surface_appears_in_the_3d_view(slicerHost, headCt, panel):
    view = slicerHost.layout_manager.threeDWidget(0).threeDView()
    slicerHost.process_events(until=lambda: not view._timer.active)
    empty = view._picture.pixmap.toImage()
    panel.ui.inputSelector.setCurrentNode(headCt)
    slicerHost.click(panel.ui.applyButton)
    slicerHost.process_events(until=lambda: not view._timer.active)
    assert view._picture.pixmap.toImage() != empty


def test_worker_process_speaks_json_lines(slicerHost, panel):
    panel.lines.clear()
    panel.startProcess()
    assert slicerHost.process_events(until=lambda: len(panel.lines) == 3)
    assert panel.lines == ["ready", "echo", (0, True)]


def test_scene_close_and_saved_scene(slicerHost, slicer, headCt, panel, tmp_path):
    panel.ui.inputSelector.setCurrentNode(headCt)
    panel.ui.thresholdSlider.value = 71
    slicerHost.click(panel.ui.applyButton)
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"), {})
    slicerHost.clear_scene()
    assert panel.ui.inputSelector.currentNode() is None
    assert panel.parameters.threshold == 60
    slicer.util.loadScene(str(tmp_path / "scene.mrb"), {})
    panel.initialize()
    assert panel.parameters.threshold == 71
    volume = slicer.util.getNode("Head CT")
    assert panel.parameters.inputVolume is volume
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSubjectHierarchyNode") == 1
    assert slicer.mrmlScene.GetSubjectHierarchyNode().GetItemByDataNode(volume)
    assert panel.parameters.result.GetSegmentation().GetNumberOfSegments() == 1


def test_reload_calls_cleanup_and_keeps_working(slicerHost, slicer, headCt, panel):
    panel.onReload()
    assert panel.calls[-1] == "cleanup"
    renewed = slicer.modules.HostSampleWidget
    assert renewed is not panel and renewed.calls == ["setup"]  # Slicer does not tell it that it is shown
    renewed.ui.inputSelector.setCurrentNode(headCt)
    slicerHost.click(renewed.ui.applyButton)
    assert renewed.ui.resultLabel.text.endswith(" mL")


def test_self_test_runs(slicer, panel):
    slicer.selfTests["HostSample"]()
    assert slicer.util.getModuleWidget("HostSample") is slicer.modules.HostSampleWidget
    assert slicer.util.getModuleLogic("HostSample") is slicer.modules.HostSampleWidget.logic


def test_parameters_refuse_what_slicer_refuses(slicerHost, slicer, panel):
    with pytest.raises(ValueError, match="within"):
        panel.parameters.threshold = 101
    with pytest.raises(TypeError):
        panel.parameters.threshold = "high"
    with pytest.raises(TypeError):
        panel.parameters.inputVolume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    with pytest.raises(RuntimeError, match="GUI connector"):
        panel.parameters.connectParametersToGui({"threshold": slicerHost.qt.QPlainTextEdit()})
    with pytest.raises(ValueError, match="Cannot find a param"):
        panel.parameters.connectParametersToGui({"treshold": slicerHost.qt.QDoubleSpinBox()})


def test_ui_file_with_an_unknown_property_or_class_is_refused(slicer, tmp_path):
    text = (SAMPLE / "Resources" / "UI" / "HostSample.ui").read_text()
    for wrong, message in (("nodeKinds", "no property nodeKinds"), ("qMRMLNodeKomboBox", "no stand-in")):
        right = "nodeTypes" if wrong == "nodeKinds" else "qMRMLNodeComboBox"
        path = tmp_path / f"{wrong}.ui"
        path.write_text(text.replace(right, wrong))
        with pytest.raises(TypeError, match=message):
            slicer.util.loadUI(str(path))


def test_selectors_stay_empty_without_the_connection(slicer, headCt, tmp_path):
    text = (SAMPLE / "Resources" / "UI" / "HostSample.ui").read_text()
    path = tmp_path / "unconnected.ui"
    path.write_text(text[: text.index("<connections>")] + "</ui>")
    widget = slicer.util.loadUI(str(path))
    widget.setMRMLScene(slicer.mrmlScene)
    assert slicer.util.childWidgetVariables(widget).inputSelector.nodeCount() == 0


def test_volume_files_come_back_as_written(slicer, headCt, tmp_path):
    for suffix in (".nrrd", ".nii.gz"):
        path = tmp_path / f"head{suffix}"
        assert slicer.util.saveNode(headCt, str(path), {})
        loaded = slicer.util.loadVolume(str(path), {"name": f"again{suffix}"})
        assert numpy.array_equal(slicer.util.arrayFromVolume(loaded), slicer.util.arrayFromVolume(headCt))
        assert loaded.GetSpacing() == pytest.approx(headCt.GetSpacing())
    with pytest.raises(RuntimeError):
        slicer.util.loadVolume(str(tmp_path / "nothing.nrrd"), {})


def test_node_selector_follows_the_scene(slicerHost, slicer):
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.noneEnabled = True
    seen = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", lambda node: seen.append(node.GetName() if node else None))
    selector.setMRMLScene(slicer.mrmlScene)
    first = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "first")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", "table")
    assert selector.nodeCount() == 1 and selector.currentNode() is None
    selector.setCurrentNode(first)
    slicer.mrmlScene.RemoveNode(first)
    assert seen == ["first", None]
    selector.noneEnabled = False
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "second")
    assert seen[-1] == "second", "without None as a choice, the first node is taken"
    selector.setMRMLScene(None)  # or it would list each later test's nodes
    assert selector.nodeCount() == 0 and selector.currentNode() is None


def test_screenshot_is_written(slicerHost, headCt, panel, tmp_path):
    path = slicerHost.screenshot(tmp_path / "window.png")
    image = slicerHost.qt.QImage(str(path))
    assert (image.width(), image.height()) == (slicerHost.window.width, slicerHost.window.height)


def test_slices_follow_the_slider_and_the_mouse_wheel(slicerHost, headCt):
    widget = slicerHost.layout_manager.sliceWidget("Red")
    jump(slicerHost, (0, 0, 0))
    slicerHost.process_events(0.1)
    before = widget.sliceLogic().GetSliceOffset()
    widget.sliceController()._slider.value += 2
    assert widget.sliceLogic().GetSliceOffset() == pytest.approx(before + 2 * 3.0, abs=1.6)
    offset = widget.sliceLogic().GetSliceOffset()
    slicerHost.turn_wheel("Red", -1)
    assert widget.sliceLogic().GetSliceOffset() == pytest.approx(offset - 3.0)
    assert widget.sliceController()._text.text == f"S: {offset - 3.0:.2f} mm"


def test_a_new_volume_is_shown_whole_and_a_layout_with_one_view_fills_the_window(slicerHost, slicer, headCt):
    manager = slicer.app.layoutManager()
    four_up = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    try:
        manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
        slicerHost.process_events(0.1)
        assert manager.sliceWidget("Red").width == manager.viewport().width
        assert not manager.threeDWidget(0).visible
    finally:
        manager.setLayout(four_up)
    bright = picture(slicerHost, "Red").min(axis=2) > 120  # the bone; the letters are yellow
    assert bright.any()
    assert not (bright[:, :20].any() or bright[:, -30:].any()), "the head reaches the picture's edge"


def test_themes(slicerHost, slicer):
    slicerHost.use_theme("dark")
    dark = slicer.app.palette().color(slicerHost.qt.QPalette.Window).lightness()
    slicerHost.use_theme("light")
    assert dark < 100 < slicer.app.palette().color(slicerHost.qt.QPalette.Window).lightness()
