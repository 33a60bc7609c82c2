"""Stand-ins for the widgets that are given the MRML scene."""

from .stand_in import QtWidgets, Signal, stand_in


@stand_in
class qMRMLWidget(QtWidgets.QWidget):
    _SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged(PyObject)"}
    mrmlSceneChanged = Signal(object)

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        self._scene = None

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self):
        return self._scene


@stand_in
class qSlicerWidget(QtWidgets.QWidget):
    _SIGNATURES = qMRMLWidget._SIGNATURES
    mrmlSceneChanged = Signal(object)

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        self._scene = None

    setMRMLScene = qMRMLWidget.setMRMLScene
