"""Volumes on their way to the worker: right voxels, right place, nothing of the scene changed, nothing left on disk."""

import ctypes
import os
import stat
import subprocess
import sys
import types

import numpy as np
import pytest

slicer = pytest.importorskip("slicer")
vtk = pytest.importorskip("vtk")
pytest.importorskip("slicer.util")

from radiologycnn.errors import InputError, ResourceError  # noqa: E402
from RadiologyCNNLib import VolumeExchange  # noqa: E402

OBLIQUE = np.array([[0.9, 0.1, 0.0, -12], [-0.1, 0.9, 0.4, 30], [0.0, -0.2, 4.8, -7], [0, 0, 0, 1]])
TO_LPS = np.diag([-1.0, -1, 1, 1])


@pytest.fixture
def scene(monkeypatch):
    """An empty scene of our own, also where another test has one."""
    scene = slicer.vtkMRMLScene()
    monkeypatch.setattr(slicer, "mrmlScene", scene, raising=False)
    return scene


@pytest.fixture
def folder():
    path = VolumeExchange.temporaryFolder()
    yield path
    VolumeExchange.removeFolder(path)


def addVolume(scene, array, matrix=OBLIQUE, name="Head"):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, array)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return node


def numbered(dtype=np.int16, shape=(4, 5, 6)):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_voxels_arrive_as_they_are(dtype, scene, folder):
    exported = VolumeExchange.exportVolume(addVolume(scene, numbered(dtype)), folder)
    array = np.load(exported["array"], allow_pickle=False)
    assert array.dtype == dtype
    assert np.array_equal(array, numbered(dtype))
    assert exported["name"] == "Head"


def test_matrix_is_from_voxel_index_to_lps(scene, folder):
    exported = VolumeExchange.exportVolume(addVolume(scene, numbered()), folder)
    assert np.allclose(exported["ijk_to_lps"], TO_LPS @ OBLIQUE)


def test_linear_transforms_are_composed_in_their_order(scene, folder):
    node = addVolume(scene, numbered())
    inner = np.array([[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    outer = np.array([[1, 0, 0.3, 0], [0, 2, 0, -3], [0, 0, 1, 9], [0, 0, 0, 1.0]])
    nodes = []
    for matrix in (inner, outer):
        transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
        nodes.append(transform)
    nodes[0].SetAndObserveTransformNodeID(nodes[1].GetID())
    node.SetAndObserveTransformNodeID(nodes[0].GetID())
    exported = VolumeExchange.exportVolume(node, folder)
    assert np.allclose(exported["ijk_to_lps"], TO_LPS @ outer @ inner @ OBLIQUE)
    assert np.array_equal(np.load(exported["array"]), numbered())
    assert node.GetTransformNodeID() == nodes[0].GetID(), "the person's node keeps its transform"


def bendingTransform(scene, shift=4.0):
    """A grid of displacements that is not linear to the scene, though it moves everything by the same vector."""
    grid = vtk.vtkImageData()
    grid.SetDimensions(3, 3, 3)
    grid.AllocateScalars(vtk.VTK_DOUBLE, 3)
    vectors = vtk.util.numpy_support.vtk_to_numpy(grid.GetPointData().GetScalars())
    vectors[:] = (shift, 0, 0)
    transform = slicer.vtkOrientedGridTransform()
    transform.SetDisplacementGridData(grid)
    grid.SetSpacing(100, 100, 100)
    grid.SetOrigin(-100, -100, -100)
    node = scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "Bend")
    node.SetAndObserveTransformToParent(transform)
    return node


def test_bending_transform_is_hardened_on_a_copy_that_is_removed(scene, folder):
    array = np.zeros((20, 20, 20), np.float32)
    array[8:12, 8:12, 8:12] = 100
    matrix = np.diag([2.0, 2, 2, 1])
    node = addVolume(scene, array, matrix)
    node.SetAndObserveTransformNodeID(bendingTransform(scene).GetID())
    before = scene.GetNumberOfNodes()
    exported = VolumeExchange.exportVolume(node, folder)
    moved = np.load(exported["array"])
    k, j, i = np.nonzero(moved > 50)
    place = np.asarray(exported["ijk_to_lps"]) @ [i.mean(), j.mean(), k.mean(), 1]
    assert place[:3] == pytest.approx([-(9.5 * 2 + 4), -9.5 * 2, 9.5 * 2], abs=0.5)
    assert scene.GetNumberOfNodes() == before
    assert node.GetParentTransformNode() is not None
    assert np.array_equal(slicer.util.arrayFromVolume(node), array)


def test_copy_is_removed_also_where_the_disk_is_full(scene, folder, monkeypatch):
    node = addVolume(scene, numbered(np.float32, (8, 8, 8)))
    node.SetAndObserveTransformNodeID(bendingTransform(scene).GetID())
    before = scene.GetNumberOfNodes()

    def full(path, array):
        raise ResourceError("disk-full", "The disk is full.")

    monkeypatch.setattr(VolumeExchange, "write_array", full)
    with pytest.raises(ResourceError):
        VolumeExchange.exportVolume(node, folder)
    assert scene.GetNumberOfNodes() == before


def test_unit_tells_a_ct_where_dicom_does_not(scene, folder):
    node = addVolume(scene, numbered())
    assert VolumeExchange.exportVolume(node, folder)["modality"] == ""
    unit = slicer.vtkCodedEntry()
    unit.SetValueSchemeMeaning("[hnsf'U]", "UCUM", "Hounsfield unit")
    node.SetVoxelValueUnits(unit)
    assert VolumeExchange.exportVolume(node, folder)["modality"] == "CT"


def test_dicom_tells_the_modality(scene, folder, monkeypatch):
    class Database:
        isOpen = True

        def instanceValue(self, uid, tag):
            return {("1.2.3", "0008,0060"): "MR"}.get((uid, tag), "")

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    node = addVolume(scene, numbered())
    assert VolumeExchange.exportVolume(node, folder)["modality"] == ""
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    assert VolumeExchange.exportVolume(node, folder)["modality"] == "MR"


def test_how_the_scan_was_made_comes_from_the_dicom_header_and_names_nobody(scene, folder, monkeypatch):
    header = {
        "0010,0010": "SOMEBODY^ELSE",
        "0010,0020": "12345",
        "0018,0081": "48 ",
        "0018,0022": "FS\\PFP",
        "0020,0060": "L",
        "0008,103e": "COR T2 FS Somebody",
        "0008,1030": "MRI SHOULDER LT ELSE",
    }

    class Database:
        isOpen = True

        def instanceValue(self, uid, tag):
            return header.get(tag.lower(), "") if uid == "1.2.3" else ""

    monkeypatch.setattr(slicer, "dicomDatabase", Database(), raising=False)
    node = addVolume(scene, numbered())
    assert "acquisition" not in VolumeExchange.exportVolume(node, folder)
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    acquisition = VolumeExchange.exportVolume(node, folder)["acquisition"]
    assert acquisition == {
        "EchoTime": 48.0,
        "ScanOptions": ["FS", "PFP"],
        "Laterality": "L",
        "SeriesDescription": "COR T2 FS",
        "StudyDescription": "MRI SHOULDER LT",
    }


def test_of_a_saved_scene_the_subject_hierarchy_tells_what_the_scan_is(scene, folder):
    """Its DICOM files may be on another computer."""
    node = addVolume(scene, numbered())
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    assert VolumeExchange.exportVolume(node, folder)["modality"] == ""
    hierarchy = scene.GetSubjectHierarchyNode()
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Somebody")
    hierarchy.SetItemAttribute(patient, "DICOM.PatientName", "SOMEBODY^ELSE")
    study = hierarchy.CreateStudyItem(patient, "Study")
    hierarchy.SetItemAttribute(study, "DICOM.StudyDescription", "MRI SHOULDER LT ELSE")
    series = hierarchy.CreateItem(study, node)
    hierarchy.SetItemAttribute(series, "DICOM.Modality", "MR")
    hierarchy.SetItemAttribute(series, "DICOM.SeriesDescription", "COR T2 FS")
    exported = VolumeExchange.exportVolume(node, folder)
    assert exported["modality"] == "MR"
    assert exported["acquisition"] == {
        "Modality": "MR",
        "SeriesDescription": "COR T2 FS",
        "StudyDescription": "MRI SHOULDER LT",
    }


def refusal(node, folder):
    with pytest.raises(InputError) as caught:
        VolumeExchange.exportVolume(node, folder)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


def test_what_is_no_scan_is_refused_with_a_sentence(scene, folder):
    assert refusal(None, folder).code == "no-volume"
    assert refusal(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty"), folder).code == "empty-volume"
    withoutVoxels = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty")
    withoutVoxels.SetAndObserveImageData(vtk.vtkImageData())
    assert refusal(withoutVoxels, folder).code == "empty-volume"
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
    slicer.util.updateVolumeFromArray(labels, numbered())
    assert refusal(labels, folder).code == "label-map"
    assert refusal(scene.AddNewNodeByClass("vtkMRMLModelNode", "Skull"), folder).code == "not-a-volume"
    photo = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photo")
    slicer.util.updateVolumeFromArray(photo, np.zeros((2, 4, 4, 3), np.uint8))
    assert "3 values" in refusal(photo, folder).message
    series = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Perfusion")
    slicer.util.updateVolumeFromArray(series, np.zeros((2, 4, 4, 20), np.int16))
    assert "20 values a voxel, as a series of volumes does" in refusal(series, folder).message
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_folder_is_private_and_goes_with_its_files(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "volume.npy").write_bytes(b"x")
    VolumeExchange.removeFolder(folder)
    VolumeExchange.removeFolder(folder)
    assert not folder.exists()


def test_folder_that_is_still_in_use_is_removed_later(monkeypatch):
    path = VolumeExchange.temporaryFolder()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *arguments, **keywords: None)
        VolumeExchange.removeFolder(path)
    assert path.exists()
    VolumeExchange.removeFolder(VolumeExchange.temporaryFolder())
    assert not path.exists()


def test_only_folders_of_our_own_are_removed(tmp_path):
    VolumeExchange.removeFolder(tmp_path)
    assert tmp_path.exists()


def test_images_left_by_a_crashed_slicer_are_removed(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"RadiologyCNN-{ended.pid}-abc"
    running = tmp_path / f"RadiologyCNN-{os.getpid()}-abc"
    foreign = tmp_path / "RadiologyCNN-notes"
    # in a folder that two computers share, one's processes are unknown to the other
    other, forgotten = (tmp_path / f"RadiologyCNN-{ended.pid}-01234567-{name}" for name in ("abc", "xyz"))
    for path in (left, running, foreign, other, forgotten):
        path.mkdir()
        (path / "volume.npy").write_bytes(b"x")
    os.utime(forgotten, (1_700_000_000,) * 2)
    made = VolumeExchange.temporaryFolder()
    assert set(tmp_path.iterdir()) == {made, running, foreign, other}
    made.rename(mine := tmp_path / made.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    VolumeExchange.removeFolder(VolumeExchange.temporaryFolder())
    assert not mine.exists()


@pytest.mark.parametrize(("process", "is_there"), [("running", True), ("ended", False), ("another's", True)])
def test_on_windows_folders_of_running_slicers_stay(process, is_there, monkeypatch, tmp_path):
    """Also of one that runs as administrator, which nobody else may open; that is known by the reason of a refusal,
    which ctypes keeps only where it is asked to, and work between two calls may overwrite otherwise."""

    class Function:
        def __init__(self, call):
            self.call = call

        def __call__(self, *arguments):
            return self.call(*arguments)

    def library(name, use_last_error=False):
        assert name == "kernel32" and use_last_error
        handle = None if process == "another's" else 2**31 + 4
        return types.SimpleNamespace(
            OpenProcess=Function(lambda *arguments: handle),
            WaitForSingleObject=Function(lambda *arguments: 0x102 if process == "running" else 0),
            CloseHandle=Function(lambda handle: True),
        )

    monkeypatch.setattr(ctypes, "WinDLL", library, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 5, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / "RadiologyCNN-4711-abc"
    folder.mkdir()
    VolumeExchange.removeFolder(VolumeExchange.temporaryFolder())
    assert folder.exists() == is_there


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX resource limits")
def test_full_disk_is_a_sentence_and_leaves_no_half_file(repository, tmp_path):
    program = (
        "import resource, sys, slicer, slicer.util, numpy as np\n"
        "from RadiologyCNNLib import VolumeExchange\n"
        "slicer.mrmlScene = slicer.vtkMRMLScene()\n"
        "node = slicer.util.addVolumeFromArray(np.zeros((64, 128, 128), np.float32))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try:\n"
        "    VolumeExchange.exportVolume(node, sys.argv[1])\n"
        "except VolumeExchange.InputError: raise\n"
        "except Exception as error: print(error.code, error.message)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=repository)
    assert done.stdout.startswith("disk-full The disk is full"), done.stderr
    assert list(tmp_path.iterdir()) == []
