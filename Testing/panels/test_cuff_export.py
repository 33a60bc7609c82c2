"""RotatorCuffCNN's files: numbers, map, report; read back with other programs' eyes."""

import csv
import re
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
from panels.cuff_scene import pixelsOfPng

from radiologycnn.networks.activation import peak_place


@pytest.fixture
def result(cuff):
    return cuff.present(cuff.addShoulder())


def testCsvIsTheCommandLinesOwn(cuff, result, tmp_path):
    from radiologycnn.rotatorcuff.results import csv_rows, evidence_rows

    path = cuff.modules.CuffExport.exportCsv(result, tmp_path / "a.csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    classes, evidence = csv_rows(result.classification), evidence_rows(result.classification)
    assert rows == [*classes, [], *evidence]
    assert ["probability_medium", "0.58", "1", "", "", ""] in rows and ["caution", *[""] * 5] in rows


def testCsvSaysWhyTheAnswerIsNotToBeReliedOnAsTheCommandLineDoes(cuff, tmp_path):
    from radiologycnn.rotatorcuff.caution import CAUTIONS

    message = cuff.modules.SyntheticShoulder.resultMessage(cuff.shoulder)
    result = cuff.present(cuff.addShoulder(), classification={**message["classification"], "plane": "sagittal"})
    path = cuff.modules.CuffExport.exportCsv(result, tmp_path / "a.csv")
    with path.open(newline="", encoding="utf-8") as file:
        assert ["caution", CAUTIONS["not-coronal"], "", "", "", ""] in csv.reader(file)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
@pytest.mark.parametrize("raw", [False, True])
def testMapIsReadInItsPlaceByAnotherProgram(cuff, tmp_path, suffix, raw):
    SimpleITK = pytest.importorskip("SimpleITK")
    volume = cuff.addShoulder()
    shift = np.eye(4)
    shift[:3, 3] = (30.0, -12.0, 5.0)
    cuff.addTransform(shift, volume)
    result = cuff.present(volume)
    cuff.modules.CamDisplay.showMap(result, 1, "grad_cam")
    nodes = cuff.nodeCount()
    path = cuff.modules.CuffExport.exportMap(result, tmp_path / f"a{suffix}", raw=raw)
    assert cuff.nodeCount() == nodes
    image = SimpleITK.ReadImage(str(path))
    array = SimpleITK.GetArrayFromImage(image)
    expected = result.rawMap() if raw else result.normalizedMap()
    assert np.allclose(array, expected, atol=1e-5)
    k, j, i = peak_place(array)
    x, y, z = image.TransformContinuousIndexToPhysicalPoint((float(i), float(j), float(k)))
    assert np.allclose((-x, -y, z), result.peakRas(), atol=1e-3)


def testFolderThatIsNotThereIsSaidInWords(cuff, result, tmp_path):
    from radiologycnn.errors import ResourceError

    export = cuff.modules.CuffExport
    gone = tmp_path / "gone" / "a"
    nodes = cuff.nodeCount()
    with pytest.raises(ResourceError, match="could not be written"):
        export.exportCsv(result, f"{gone}.csv")
    with pytest.raises(ResourceError, match="could not be written"):
        export.exportMap(result, f"{gone}.nii.gz")
    with pytest.raises(ResourceError, match="could not be written"):
        export.exportReport(result, f"{gone}.html")
    assert cuff.nodeCount() == nodes


def testWithoutRawMapsTheShownOneIsWritten(cuff, result, tmp_path):
    from radiologycnn.errors import ResourceError

    cuff.slicer.mrmlScene.RemoveNode(result.mapsNode)
    path = cuff.modules.CuffExport.exportMap(result, tmp_path / "a.nrrd")
    assert np.allclose(cuff.peakOf(cuff.slicer.util.loadVolume(str(path), {})), cuff.peakOf(result.camNode), atol=1e-3)
    with pytest.raises(ResourceError, match="raw maps"):
        cuff.modules.CuffExport.exportMap(result, tmp_path / "b.nrrd", raw=True)


def testSuggestedNameIsTheScansWithoutWhatFileSystemsRefuse(cuff, result):
    result.volumeNode.SetName("5: PD cor/obl")
    name = cuff.modules.CuffExport.suggestedName(result, ".csv")
    assert name == "5_ PD cor_obl rotator cuff.csv"


def pictureSizes(page) -> list:
    """(width, height) of each PNG in a report."""
    import base64

    sizes = []
    for text in re.findall(r'src="data:image/png;base64,([^"]+)"', page):
        png = base64.b64decode(text)
        assert png.startswith(b"\x89PNG")
        sizes.append(struct.unpack(">II", png[16:24]))
    return sizes


def testReportShowsTheViewsAndTheNumbers(cuff, result, tmp_path):
    display = cuff.modules.CamDisplay
    display.setOverlay(result, True, 0.6, 0.3)
    display.setVolumeRendering(result, True)
    card = {"id": "demo-1.0.0", "title": "Demo model", "licence": "Apache-2.0", "simulated": True}
    path = cuff.modules.CuffExport.exportReport(result, tmp_path / "a.html", card)
    page = path.read_text(encoding="utf-8")
    assert len(pictureSizes(page)) == 4  # three planes and 3D
    views = cuff.modules.ReportPictures.reportPictures(result)
    assert [picture.edges for picture in views] == [tuple("RLAP"), tuple("RLSI"), tuple("APSI"), None]
    assert all(width > 50 and height > 50 for width, height in pictureSizes(page))
    for words in ("Medium tear (1-3 cm)", "For research use only", "Demo model", "CAM: Medium tear", "Shoulder"):
        assert words in page
    assert "http" not in re.sub(r"base64,[^\"]+", "", page)  # nothing is fetched from elsewhere


def testReportNamesTheNearestPlaneOfObliqueViewsAndSaysTheCautionFirst(cuff, result, tmp_path):
    import vtk

    from RadiologyCNNLib import SliceViews

    turn = np.eye(4)
    turn[:3, :3] = [[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]
    node = result.volumeNode
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    node.SetIJKToRASMatrix(cuff.slicer.util.vtkMatrixFromArray(turn @ cuff.slicer.util.arrayFromVTKMatrix(matrix)))
    SliceViews.showVolume(node)
    SliceViews.turnTo(node)
    views = cuff.modules.ReportPictures.reportPictures(result)
    SliceViews.turnBack()
    assert [view.caption.split(" ")[0] for view in views[:3]] == ["Axial", "Coronal", "Sagittal"]
    page = cuff.modules.CuffExport.exportReport(result, tmp_path / "a.html", caution="Classify again.").read_text(
        "utf-8"
    )
    assert page.index('<p class="warning">Classify again.</p>') < page.index("class='answer'")
    assert page.count("Classify again.") == 1


def testReportWithoutSliceViewsHasPicturesFromTheVoxels(cuff, result, tmp_path):
    manager = cuff.slicer.app.layoutManager()
    before = manager.layout
    manager.setLayout(cuff.slicer.vtkMRMLLayoutNode.SlicerLayoutOneUp3DView)
    try:
        page = cuff.modules.CuffExport.exportReport(result, tmp_path / "a.html").read_text(encoding="utf-8")
    finally:
        manager.setLayout(before)
    assert len(pictureSizes(page)) == 3


def testReportShowsNoOtherScanAndNamesNoMapThatIsNotShown(cuff, result):
    pictures = cuff.modules.ReportPictures.reportPictures
    cuff.modules.CamDisplay.setOverlay(result, True)
    yellow = cuff.slicer.app.layoutManager().sliceWidget("Yellow").mrmlSliceCompositeNode()
    yellow.SetForegroundVolumeID(None)
    assert [one.caption for one in pictures(result)] == [
        "Axial · CAM: Medium tear",
        "Coronal · CAM: Medium tear",
        "Sagittal",
    ]
    other = cuff.addShoulder(name="Another patient's")
    yellow.SetBackgroundVolumeID(other.GetID())
    assert [one.caption.split(" ")[0] for one in pictures(result)] == ["Axial", "Coronal"]
    cuff.slicer.util.setSliceViewerLayers(background=other)
    ofVoxels = cuff.modules.ReportPictures.slicePictures(result)
    assert [one.png for one in pictures(result)] == [one.png for one in ofVoxels] and len(ofVoxels) == 3


def testReportShowsTheViewsOfAnyLayout(cuff, result, monkeypatch):
    """As a person's own layout names them."""
    cuff.modules.CamDisplay.setOverlay(result, True)
    manager = cuff.slicer.app.layoutManager()
    views = {name if name == "Green" else f"{name}+": widget for name, widget in manager._slices.items()}
    monkeypatch.setattr(manager, "_slices", views)
    captions = [one.caption.split(" ")[0] for one in cuff.modules.ReportPictures.reportPictures(result)]
    assert captions == ["Coronal", "Axial", "Sagittal"]


def testReportLeavesOutTheNamesInTheCornersOfTheViews(cuff, result):
    cuff.modules.CamDisplay.setOverlay(result, True)
    plain = [one.png for one in cuff.modules.ReportPictures.reportPictures(result)]
    view = cuff.slicer.app.layoutManager().sliceWidget("Red").sliceView()
    annotation = cuff.vtk.vtkCornerAnnotation()
    annotation.SetText(2, "DOE, JANE")
    renderer = view.renderWindow().GetRenderers().GetItemAsObject(0)
    renderer.AddViewProp(annotation)
    try:
        assert [one.png for one in cuff.modules.ReportPictures.reportPictures(result)] == plain
        assert annotation.GetVisibility()
    finally:
        renderer.RemoveViewProp(annotation)


def testPicturesFromTheVoxelsShowTheMapOnItsPlace(cuff, result):
    pictures = cuff.modules.ReportPictures
    cuff.modules.CamDisplay.setOverlay(result, True, 1.0, 0.5)
    rgb = pixelsOfPng(pictures.slicePictures(result)[0].png).astype(int)
    rows, columns = np.nonzero(rgb.max(axis=-1) - rgb.min(axis=-1) > 40)
    i, j, _k = (np.linalg.inv(cuff.shoulder.ijkToRas) @ [*result.peakRas(), 1.0])[:3]
    assert rgb.shape[:2] == cuff.shoulder.array.shape[1:]
    assert abs(rows.mean() - j) < 2
    assert abs(columns.mean() - i) < 2


def testPicturesOfAWarpedScanAreOfItsPlaceInTheWorld(cuff):
    """The warp moves all by ten millimetres; the maps, which are in the world, lie on the scan where it was."""
    volume = cuff.addShoulder()
    straight = cuff.present(volume)
    cuff.modules.CamDisplay.setOverlay(straight, True, 1.0, 0.5)
    expected = [pixelsOfPng(picture.png) for picture in cuff.modules.ReportPictures.slicePictures(straight)]
    before = cuff.ijkToWorld(volume)
    before[:3, 3] -= 10.0
    volume.SetIJKToRASMatrix(cuff.slicer.util.vtkMatrixFromArray(before))
    grid, transform = cuff.vtk.vtkImageData(), cuff.slicer.vtkOrientedGridTransform()
    grid.SetDimensions(2, 2, 2)
    grid.SetSpacing(500, 500, 500)
    grid.SetOrigin(-250, -250, -250)
    grid.AllocateScalars(cuff.vtk.VTK_DOUBLE, 3)
    transform.SetDisplacementGridData(grid)
    warp = cuff.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode")
    warp.SetAndObserveTransformToParent(transform)
    cuff.slicer.util.arrayFromGridTransform(warp)[:] = 10.0
    cuff.slicer.util.arrayFromGridTransformModified(warp)
    volume.SetAndObserveTransformNodeID(warp.GetID())
    pictures = cuff.modules.ReportPictures.slicePictures(straight)
    for picture, wanted in zip(pictures, expected, strict=True):
        found = pixelsOfPng(picture.png)
        size = np.minimum(found.shape, wanted.shape)[:2]
        assert np.abs(np.subtract(found.shape, wanted.shape)).max() <= 2
        difference = found[: size[0], : size[1]].astype(int) - wanted[: size[0], : size[1]]
        assert np.abs(difference).mean() < 6


def testPicturesFromTheVoxelsHangAsRadiologistsHangThem(cuff):
    """Bright blocks at R, at A and at S of the middle, in a grid whose axes run the other way and in another order."""
    axes = np.array([[0.0, 0.0, 3.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # i to A, j to S, k to R
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    matrix[:3, 3] = -axes @ [19.5, 29.5, 9.5]
    array = np.zeros((20, 60, 40), np.int16)
    array[17, 29:31, 19:21] = array[9:11, 29:31, 35] = array[9:11, 50, 19:21] = 1000
    volume = cuff.slicer.util.addVolumeFromArray(array, ijkToRAS=matrix, name="Blocks")
    volume.CreateDefaultDisplayNodes()
    maps = np.zeros((2, 6, 4, 4, 4), np.float32)
    maps[:, :, 1, 1, 1] = 1.0
    grid = np.diag([-8.0, -8.0, 8.0, 1.0])
    grid[:3, 3] = -grid[:3, :3] @ [1.0, 1.0, 1.0]
    result = cuff.present(volume, maps, maps_ijk_to_lps=grid.tolist())
    cuff.modules.CamDisplay.setOverlay(result, True, 0.0)
    pictures = cuff.modules.ReportPictures.slicePictures(result)
    assert sorted(picture.caption.split(" ")[0] for picture in pictures) == ["Axial", "Coronal", "Sagittal"]
    expected = {"Axial": ("R", "L", "A", "P"), "Coronal": ("R", "L", "S", "I"), "Sagittal": ("A", "P", "S", "I")}
    for picture in pictures:
        assert picture.edges == expected[picture.caption.split(" ")[0]]
        grey = pixelsOfPng(picture.png)[..., 0].astype(float)
        rows, columns = np.nonzero(grey > 200)
        height, width = grey.shape
        # two blocks are in each plane, one on the left and one on top of the middle
        assert columns.min() < 0.3 * width and columns.max() < 0.6 * width, picture.caption
        assert rows.min() < 0.3 * height and rows.max() < 0.6 * height, picture.caption


def testReportNamesNoPictureThatIsNotThere(cuff, result, tmp_path):
    """The scan was removed: the numbers stay, and the page is whole."""
    cuff.slicer.mrmlScene.RemoveNode(result.volumeNode)
    pictures = cuff.modules.ReportPictures.slicePictures(result)
    assert pictures == []
    page = cuff.modules.CuffExport.exportReport(result, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Medium tear (1-3 cm)" in page
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        ElementTree.fromstring(svg)
