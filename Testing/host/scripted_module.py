"""slicer.ScriptedLoadableModule: base classes of scripted modules, and what Slicer wraps around them.

Written after the behaviour of Slicer's own file of that name: which attributes a module, its widget, logic and test
have, and in what order Slicer calls them.
"""

import importlib.util
import logging
import sys
import types
import unittest
from pathlib import Path

import slicer

from .stand_in import QtCore, QtGui, QtWidgets, Signal, stand_in


class ScriptedLoadableModule:
    def __init__(self, parent):
        self.parent = parent
        self.moduleName = self.__class__.__name__
        parent.title = self.moduleName
        parent.categories = ["Examples"]
        parent.dependencies = []
        parent.contributors = []
        parent.helpText = ""
        parent.acknowledgementText = ""
        slicer.selfTests[self.moduleName] = self.runTest

    def resourcePath(self, filename):
        return str(Path(self.parent.path).parent / "Resources" / filename)

    def getDefaultModuleDocumentationLink(self, *_arguments, **_keywords):
        return ""

    def runTest(self, msec=100, **kwargs):
        test = getattr(importlib.import_module(self.__module__), self.moduleName + "Test")()
        test.messageDelay = msec
        test.runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    def __init__(self, parent=None):
        self.moduleName = self.__class__.__name__.removesuffix("Widget")
        self.developerMode = slicer.util.settingsValue("Developer/DeveloperMode", False, slicer.util.toBool)
        self.parent = parent if parent is not None else slicer.qMRMLWidget()
        if self.parent.layout() is None:
            self.parent.setLayout(QtWidgets.QVBoxLayout())
        self.layout = self.parent.layout()
        if parent is None:
            self.setup()
            self.parent.show()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def _onModuleAboutToBeUnloaded(self, moduleName):
        """The one occasion, beside a reload, on which Slicer calls ``cleanup``; the widgets are still there."""
        if moduleName == self.moduleName:
            self.cleanup()
            signal = "moduleAboutToBeUnloaded(QString)"
            slicer.app.moduleManager().disconnect(signal, self._onModuleAboutToBeUnloaded)

    def resourcePath(self, filename):
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / filename)

    def setup(self):
        """The reload buttons of Slicer's developer mode are left out."""

    def cleanup(self):
        pass

    def onReload(self):
        logging.debug("Reloading scripted module %s", self.moduleName)
        slicer.util.reloadScriptedModule(self.moduleName)

    def onReloadAndTest(self, **kwargs):
        with slicer.util.tryWithErrorDisplay("Reload and Test failed."):
            self.onReload()
            slicer.selfTests[self.moduleName](msec=100, **kwargs)


class ScriptedLoadableModuleLogic:
    def __init__(self, parent=None):
        self.moduleName = self.__class__.__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self):
        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node is not None:
                return node
        return self.createParameterNode()

    def getAllParameterNodes(self):
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self):
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetModuleName(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return slicer.mrmlScene.AddNode(node)


class ScriptedLoadableModuleTest(unittest.TestCase):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.moduleTestNames = [name for name in dir(self) if "test" in name and callable(getattr(self, name))]

    def delayDisplay(self, message, requestedDelay=None, msec=None):
        slicer.util.delayDisplay(message, autoCloseMsec=0)

    def runTest(self):
        """Every method with "test" in its name; the first one that fails ends it."""
        self.setUpClass()
        for name in self.moduleTestNames:
            self.setUp()
            logging.info("Running %s", name)
            getattr(self, name)()
            self.tearDown()
        self.tearDownClass()


@stand_in
class qSlicerScriptedLoadableModule(QtCore.QObject):
    """What Slicer holds in slicer.modules.<name>, and hands to the module's class as ``parent``."""

    def __init__(self, name, path, host):
        super().__init__()
        self._name, self._path, self._host = name, str(path), host
        self._values = {"title": name, "hidden": False, "index": -1, "icon": QtGui.QIcon()}
        self._representation = None
        self._widget_class_module = None

    def logic(self):
        return None

    def mrmlScene(self):
        return slicer.mrmlScene

    def widgetRepresentation(self):
        if self._representation is None:
            self._representation = self.createNewWidgetRepresentation()
        return self._representation

    def createNewWidgetRepresentation(self):
        representation = qSlicerScriptedLoadableModuleWidget(self)
        representation._create()
        return representation


def _value_property(name):
    def get(self):
        return self._values.get(name, "")

    def set_(self, value):
        self._values[name] = value

    return property(get, set_)


for _name in (
    "acknowledgementText associatedNodeTypes categories contributors dependencies helpText hidden icon index title "
    "widgetRepresentationCreationEnabled"
).split():
    setattr(qSlicerScriptedLoadableModule, _name, _value_property(_name))
qSlicerScriptedLoadableModule.name = property(lambda self: self._name)
qSlicerScriptedLoadableModule.path = property(lambda self: self._path)


@stand_in
class qSlicerScriptedLoadableModuleWidget(QtWidgets.QWidget):
    """The widget that a module's panel is laid out in; it calls the panel's setup, enter, exit and cleanup."""

    _SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}
    mrmlSceneChanged = Signal(object)

    def __init__(self, module):
        super().__init__()
        self._module = module
        self._panel = None
        self._entered = False
        self.setLayout(QtWidgets.QVBoxLayout())
        self.objectName = module.name + "ModuleWidget"

    def _create(self):
        source = sys.modules[self._module.name]
        self._panel = getattr(source, self._module.name + "Widget")(self)
        setattr(slicer.modules, self._module.name + "Widget", self._panel)
        self._panel.setup()

    def self(self):
        return self._panel

    def reload(self):
        """A new panel in this widget. Slicer does not tell it that it is shown: ``isEntered`` is what says so."""
        self._create()

    def _enter(self):
        if not self._entered:
            self._entered = True
            self._call("enter")

    def _exit(self):
        if self._entered:
            self._entered = False
            self._call("exit")

    def _call(self, name):
        """Slicer's base class has neither method: a panel may, and then it is called."""
        if hasattr(self._panel, name):
            getattr(self._panel, name)()

    def setMRMLScene(self, scene):
        """The scene is always the application's."""

    isEntered = QtCore.Property(bool, lambda self: self._entered)


def import_module_file(path: Path) -> types.ModuleType:
    """Import a scripted module's file, as Slicer does: by its path, with its folder on sys.path."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    source = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = source
    spec.loader.exec_module(source)
    return source


def make_python_module() -> types.ModuleType:
    """The module ``slicer.ScriptedLoadableModule``, for ``from slicer.ScriptedLoadableModule import *``."""
    module = types.ModuleType("slicer.ScriptedLoadableModule")
    names = ["ScriptedLoadableModule" + suffix for suffix in ("", "Widget", "Logic", "Test")]
    for name in names:
        setattr(module, name, globals()[name])
    module.__all__ = names
    return module
