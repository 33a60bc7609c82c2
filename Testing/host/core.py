"""Starts the real MRML core of the slicer-core package: scene, application logic, module logics.

The order of the steps matters: a logic reads its share folder when it gets the scene, and node classes are known to
the scene only once the logic that registers them has been added.
"""

from pathlib import Path

import slicer
import vtk

from .color_files import write_color_files


class Core:
    """The scene, its application logic and the module logics, by the name of the module."""

    def __init__(self, temporary_path: Path):
        self.temporary_path = temporary_path
        self._quiet()
        self.scene = slicer.vtkMRMLScene()
        self.application_logic = slicer.vtkSlicerApplicationLogic()
        self.application_logic.SetTemporaryPath(str(temporary_path))
        crosshair = slicer.vtkMRMLCrosshairNode()
        crosshair.SetCrosshairName("default")
        self.scene.AddNode(crosshair)
        self.application_logic.SetMRMLScene(self.scene)
        self.application_logic.SetSliceLogics(vtk.vtkCollection())
        self.application_logic.SetViewLogics(vtk.vtkCollection())
        self.slice_factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        self.three_d_factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self.slice_factory.SetMRMLApplicationLogic(self.application_logic)
        self.three_d_factory.SetMRMLApplicationLogic(self.application_logic)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)
        self.logics: dict[str, object] = {}
        self._add_logics()
        self._set_up_data_io()
        # the scene belongs to the application: it is emptied, never made anew
        slicer.mrmlScene = self.scene

    @staticmethod
    def _quiet() -> None:
        """Without this every VTK message is printed twice."""
        window = vtk.vtkOutputWindow()
        window.SetDisplayModeToAlwaysStdErr()
        vtk.vtkOutputWindow.SetInstance(window)
        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
        vtk.vtkObject.GlobalWarningDisplayOff()  # the first window of a machine without a display says so
        first = vtk.vtkRenderWindow()
        first.SetOffScreenRendering(1)
        first.Render()
        vtk.vtkObject.GlobalWarningDisplayOn()

    def _add_logics(self) -> None:
        share = self.temporary_path / "share"
        write_color_files(share)
        self.application_logic.SetHomeDirectory(str(self.temporary_path))
        self.application_logic.SetShareDirectory("share")
        presets = share / "VolumeRendering" / "presets.xml"
        presets.parent.mkdir(parents=True)
        presets.write_text('<MRML version="Slicer4.4.0"></MRML>')  # none: the package has no presets
        self.scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())
        for name, class_name in (
            ("Colors", "vtkSlicerColorLogic"),
            ("SubjectHierarchy", "vtkSlicerSubjectHierarchyModuleLogic"),
            ("Terminologies", "vtkSlicerTerminologiesModuleLogic"),
            ("Volumes", "vtkSlicerVolumesLogic"),
            ("Segmentations", "vtkSlicerSegmentationsModuleLogic"),
            ("Models", "vtkSlicerModelsLogic"),
            ("Markups", "vtkSlicerMarkupsLogic"),
            ("Transforms", "vtkSlicerTransformLogic"),
            ("Tables", "vtkSlicerTablesLogic"),
            ("Texts", "vtkSlicerTextsLogic"),
            ("Plots", "vtkSlicerPlotsLogic"),
            ("Units", "vtkSlicerUnitsLogic"),
            ("Cameras", "vtkSlicerCamerasModuleLogic"),
            ("Sequences", "vtkSlicerSequencesLogic"),
            ("CropVolume", "vtkSlicerCropVolumeLogic"),
            ("VolumeRendering", "vtkSlicerVolumeRenderingLogic"),
            ("SegmentEditor", "vtkSlicerSegmentEditorLogic"),
        ):
            if not hasattr(slicer, class_name):
                continue
            logic = getattr(slicer, class_name)()
            if hasattr(logic, "SetModuleShareDirectory"):
                logic.SetModuleShareDirectory(str(share / name))
            logic.SetMRMLApplicationLogic(self.application_logic)
            # the package has no terminology files, and the logic complains of each one that is missing
            vtk.vtkObject.SetGlobalWarningDisplay(name != "Terminologies")
            logic.SetMRMLScene(self.scene)
            vtk.vtkObject.GlobalWarningDisplayOn()
            self.application_logic.SetModuleLogic(name, logic)
            self.logics[name.lower()] = logic
        rendering = self.logics.get("volumerendering")
        if rendering is not None:  # the GPU ray caster takes seconds a frame where OpenGL is software
            rendering.SetDefaultRenderingMethod("vtkMRMLCPURayCastVolumeRenderingDisplayNode")

    def _set_up_data_io(self) -> None:
        """Reading a .mrb needs the data input/output manager and its cache folder."""
        cache = self.temporary_path / "RemoteIO"
        cache.mkdir(parents=True, exist_ok=True)
        self._remote_io = slicer.vtkMRMLRemoteIOLogic()
        self._remote_io.SetMRMLScene(self.scene)
        self._remote_io.GetCacheManager().SetRemoteCacheDirectory(str(cache))
        self._data_io = slicer.vtkDataIOManagerLogic()
        self._data_io.SetMRMLApplicationLogic(self.application_logic)
        self._data_io.SetMRMLScene(self.scene)
        self._data_io.SetAndObserveDataIOManager(self._remote_io.GetDataIOManager())
        self._remote_io.AddDataIOToScene()
