"""Stand-in for slicer.app: the application object, its folders, settings, logics and managers."""

import os
import sys
from pathlib import Path

import slicer

from .dicom_database import ctkDICOMDatabase
from .io_manager import qSlicerIOManager
from .layout_manager import fit_slices_when_background_changes, qSlicerLayoutManager
from .stand_in import QtCore, QtGui, QtWidgets, Signal, stand_in

VERSION = "5.12.4"


@stand_in
class qSlicerApplication(QtWidgets.QApplication):
    _SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}
    startupCompleted = Signal()
    renderPaused = Signal(bool)
    mrmlSceneChanged = Signal(object)

    def __init__(self, temporary_path: Path, testing: bool):
        super().__init__(["Slicer"])
        self._temporary_path = temporary_path
        self._testing = testing
        self._core = self._layout_manager = self._io_manager = None
        self._module_manager = ModuleManager()
        self._extensions = ExtensionsManagerModel()
        self._dicom_database = ctkDICOMDatabase()
        self._startup_environment = dict(os.environ)
        self._pause_count = 0

    def _start(self, core, viewport, orientations):
        """Take the core, and make the managers that need it; without a viewport there are no views."""
        self._core = core
        if viewport is not None:
            self._layout_manager = qSlicerLayoutManager(core, viewport, orientations)
            fit_slices_when_background_changes(self._layout_manager)
        self._io_manager = qSlicerIOManager(core)

    def testingEnabled(self):
        return self._testing

    def mrmlScene(self):
        return self._core.scene

    def applicationLogic(self):
        return self._core.application_logic

    def moduleLogic(self, name):
        return self._core.application_logic.GetModuleLogic(name)

    def layoutManager(self):
        return self._layout_manager

    def coreIOManager(self):
        return self._io_manager

    def ioManager(self):
        return self._io_manager

    def moduleManager(self):
        return self._module_manager

    def dicomDatabase(self):
        return self._dicom_database

    def extensionsManagerModel(self):
        return self._extensions

    def settings(self):
        return QtCore.QSettings()

    def userSettings(self):
        return QtCore.QSettings()

    def revisionUserSettings(self):
        return QtCore.QSettings()

    def startupEnvironment(self):
        environment = QtCore.QProcessEnvironment()
        for name, value in self._startup_environment.items():
            environment.insert(name, value)
        return environment

    def environment(self):
        return QtCore.QProcessEnvironment.systemEnvironment()

    def pauseRender(self):
        self.setRenderPaused(True)

    def resumeRender(self):
        self.setRenderPaused(False)

    def setRenderPaused(self, paused):
        before = self._pause_count
        self._pause_count = max(0, before + (1 if paused else -1))
        if bool(before) != bool(self._pause_count):
            if self._layout_manager is not None:
                self._layout_manager.setRenderPaused(paused)
            self.renderPaused.emit(paused)

    def _folder(self, name):
        folder = self._temporary_path / name
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)


def _constant(value):
    return property(lambda self: value)


for _name, _value in {
    "majorVersion": 5,
    "minorVersion": 12,
    "revision": "0",
    "repositoryRevision": "0",
    "releaseType": "Stable",
    "isInstalled": True,
    "isCustomMainApplication": False,
    "mainApplicationName": "Slicer",
    "mainApplicationDisplayName": "3D Slicer",
    "mainApplicationMajorVersion": 5,
    "mainApplicationMinorVersion": 12,
    "os": "linux" if sys.platform.startswith("linux") else sys.platform,
    "applicationLocaleName": "en-US",
}.items():
    setattr(qSlicerApplication, _name, _constant(_value))
qSlicerApplication.temporaryPath = property(lambda self: self._folder("temporary"))
qSlicerApplication.cachePath = property(lambda self: self._folder("cache"))
qSlicerApplication.slicerHome = property(lambda self: self._folder("home"))
qSlicerApplication.extensionsInstallPath = property(lambda self: self._folder("extensions"))
qSlicerApplication.slicerUserSettingsFilePath = property(lambda self: QtCore.QSettings().fileName())
qSlicerApplication.slicerRevisionUserSettingsFilePath = property(lambda self: QtCore.QSettings().fileName())
qSlicerApplication.startupWorkingPath = property(lambda self: os.getcwd())


class ModuleManager(QtCore.QObject):
    """slicer.app.moduleManager(): the loaded modules by name."""

    moduleAboutToBeUnloaded = Signal(str)
    moduleLoaded = Signal(str)

    def __init__(self):
        super().__init__()
        self._modules = {}

    def module(self, name):
        return self._modules.get(name)

    def modulesNames(self):
        return tuple(self._modules)

    def factoryManager(self):
        return self

    def loadedModuleNames(self):
        return tuple(self._modules)


class ExtensionsManagerModel(QtCore.QObject):
    """slicer.app.extensionsManagerModel(): no extension is installed here and none can be."""

    interactive = True

    def isExtensionInstalled(self, name):
        return False

    def installExtensionFromServer(self, name, restart=True, update=False):
        return False


class CoreModule:
    """slicer.modules.<name> of a module whose logic the core has; it has no panel here."""

    def __init__(self, name, logic):
        self.name, self._logic = name, logic

    def logic(self):
        return self._logic

    def widgetRepresentation(self):
        raise RuntimeError(f"the stand-in host has no panel of the module {self.name}")


# window, text, base, alternate base, button, disabled text, tool tip
THEMES = {
    "light": ("#efefef", "#000000", "#ffffff", "#f5f7fa", "#efefef", "#8f8f8f", "#ffffdc"),
    "dark": ("#323232", "#ffffff", "#2c2c2c", "#383838", "#404040", "#787878", "#4a4a4a"),
}


def apply_theme(application: qSlicerApplication, theme: str) -> None:
    """Slicer's Light or Dark style: Qt's Fusion with the palette of that name."""
    window, text, base, alternate, button, disabled, tool_tip = THEMES[theme]
    application.setStyle("Fusion")
    palette = QtGui.QPalette()
    role = QtGui.QPalette
    for name, color in (
        (role.Window, window),
        (role.WindowText, text),
        (role.Base, base),
        (role.AlternateBase, alternate),
        (role.Text, text),
        (role.Button, button),
        (role.ButtonText, text),
        (role.Highlight, "#308cc6"),
        (role.HighlightedText, "#ffffff"),
        (role.ToolTipBase, tool_tip),
        (role.ToolTipText, text),
        (role.PlaceholderText, disabled),
    ):
        palette.setColor(name, QtGui.QColor(color))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(role.Disabled, name, QtGui.QColor(disabled))
    application.setPalette(palette)


def make_modules_namespace(core, application):
    """slicer.modules with the logics of the core."""

    class Modules:
        """Modules by their lower-case name."""

    modules = Modules()
    for name, logic in core.logics.items():
        setattr(modules, name, CoreModule(name, logic))
    slicer.modules = modules
    slicer.selfTests = {}
    return modules
