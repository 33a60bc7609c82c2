"""Stand-in for the core input/output manager that slicer.util's load and save functions call."""

from pathlib import Path

import slicer
import vtk

from .stand_in import QtCore, Signal, stand_in

VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".hdr", ".img", ".tif")
READERS = {
    "SegmentationFile": ("vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode"),
    "TableFile": ("vtkMRMLTableNode", "vtkMRMLTableStorageNode"),
    "TransformFile": ("vtkMRMLTransformNode", "vtkMRMLTransformStorageNode"),
    "TextFile": ("vtkMRMLTextNode", "vtkMRMLTextStorageNode"),
    "ModelFile": ("vtkMRMLModelNode", "vtkMRMLModelStorageNode"),
    "ColorTableFile": ("vtkMRMLColorTableNode", "vtkMRMLColorTableStorageNode"),
}


@stand_in
class qSlicerIOManager(QtCore.QObject):
    _SIGNATURES = {
        "newFileLoaded(qSlicerIO::IOProperties)": "newFileLoaded(PyObject)",
        "fileSaved(qSlicerIO::IOProperties)": "fileSaved(PyObject)",
    }
    newFileLoaded = Signal(object)
    fileSaved = Signal(object)

    def __init__(self, core):
        super().__init__()
        self._core = core

    def fileType(self, filename):
        name = str(filename).lower()
        if name.endswith((".seg.nrrd", ".seg.nhdr", ".seg.vtm")):
            return "SegmentationFile"
        if name.endswith((".mrml", ".mrb")):
            return "SceneFile"
        for suffix, kind in (
            (".csv", "TableFile"),
            (".tsv", "TableFile"),
            (".h5", "TransformFile"),
            (".tfm", "TransformFile"),
            (".txt", "TextFile"),
            (".vtk", "ModelFile"),
            (".ply", "ModelFile"),
            (".stl", "ModelFile"),
            (".ctbl", "ColorTableFile"),
            (".mrk.json", "MarkupsFile"),
        ):
            if name.endswith(suffix):
                return kind
        return "VolumeFile" if name.endswith(VOLUME_SUFFIXES) else "NoFile"

    def loadNodes(self, file_type, properties, loaded_nodes=None, messages=None):
        loaded = vtk.vtkCollection() if loaded_nodes is None else loaded_nodes
        path = str(properties["fileName"])
        if not Path(path).exists():
            self._report(messages, f"File does not exist: {path}")
            return False
        if file_type == "SceneFile":
            return self.loadScene(path, bool(properties.get("clear", False)))
        if file_type == "VolumeFile":
            node = self._load_volume(path, properties)
        elif file_type == "MarkupsFile":
            node_id = self._core.logics["markups"].LoadMarkups(path, Path(path).name.split(".")[0])
            node = self._core.scene.GetNodeByID(node_id) if node_id else None
        elif file_type in READERS:
            node = self._read(path, *READERS[file_type], properties)
        else:
            node = None
        if node is None:
            self._report(messages, f"No reader could read {path}")
            return False
        loaded.AddItem(node)
        self.newFileLoaded.emit(properties)
        return True

    @staticmethod
    def _report(messages, text):
        if messages is not None:
            messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)

    def _load_volume(self, path, properties):
        name = properties.get("name") or Path(path).name.split(".")[0]
        logic = self._core.logics["volumes"]
        options = 1 if properties.get("labelmap") else 0
        options += 8 if properties.get("singleFile") else 0
        node = logic.AddArchetypeVolume(path, name, options)
        if node is not None and properties.get("show", True):
            layer = "label" if properties.get("labelmap") else "background"
            slicer.util.setSliceViewerLayers(**{layer: node}, fit=True)
        return node

    def _read(self, path, node_class, storage_class, properties):
        scene = self._core.scene
        node = scene.CreateNodeByClass(node_class)
        node.UnRegister(None)
        node.SetName(scene.GenerateUniqueName(properties.get("name") or Path(path).name.split(".")[0]))
        scene.AddNode(node)
        storage = scene.AddNewNodeByClass(storage_class)
        storage.SetFileName(path)
        if not storage.ReadData(node):
            scene.RemoveNode(storage)
            scene.RemoveNode(node)
            return None
        node.SetAndObserveStorageNodeID(storage.GetID())
        if hasattr(node, "CreateDefaultDisplayNodes") and node.GetDisplayNode() is None:
            node.CreateDefaultDisplayNodes()
        return node

    def loadScene(self, path, clear=True):
        scene = self._core.scene
        if clear:
            scene.Clear(False)
        scene.SetURL(str(path))
        if str(path).lower().endswith(".mrb"):
            return bool(scene.ReadFromMRB(str(path), False))
        return bool(scene.Import())

    def fileWriterFileType(self, node, format_=None):
        for kind, (class_name, _) in READERS.items():
            if node.IsA(class_name):
                return kind
        return "VolumeFile" if node.IsA("vtkMRMLVolumeNode") else "NoFile"

    def saveNodes(self, file_type, properties, messages=None):
        path = str(properties["fileName"])
        if file_type == "SceneFile":
            return self.saveScene(path, None)
        node = self._core.scene.GetNodeByID(properties["nodeID"])
        storage = node.GetStorageNode()
        if storage is None or not storage.SupportedFileType(path):
            node.AddDefaultStorageNode(path)
            storage = node.GetStorageNode()
        if storage is None:
            self._report(messages, f"Nothing can write {node.GetName()}")
            return False
        storage.SetFileName(path)
        if "useCompression" in properties:
            storage.SetUseCompression(int(properties["useCompression"]))
        written = bool(storage.WriteData(node))
        if written:
            self.fileSaved.emit(properties)
        else:
            self._report(messages, f"Could not write {path}")
        return written

    def saveScene(self, path, screenshot=None):
        scene = self._core.scene
        if str(path).lower().endswith(".mrb"):
            return bool(scene.WriteToMRB(str(path)))
        if str(path).lower().endswith(".mrml"):
            scene.SetURL(str(path))
            return bool(scene.Commit(str(path)))
        return bool(scene.SaveSceneToSlicerDataBundleDirectory(str(path)))

    def addDefaultStorageNodes(self):
        scene = self._core.scene
        for index in range(scene.GetNumberOfNodes()):
            node = scene.GetNthNode(index)
            if node.IsA("vtkMRMLStorableNode") and node.GetSaveWithScene() and node.GetStorageNode() is None:
                node.AddDefaultStorageNode()
