"""Stand-ins for slice and 3D view widgets: a controller bar above a view."""

import slicer
import vtk

from .rendering import SliceRendering, ThreeDRendering
from .stand_in import Property, QtCore, QtWidgets, Signal, stand_in
from .views import qMRMLSliceView, qMRMLThreeDView
from .widgets_mrml import qMRMLWidget

Qt = QtCore.Qt
SLICE_VIEW_COLORS = {"Red": "#f34a33", "Yellow": "#edd54c", "Green": "#6eb04b"}
OTHER_VIEW_COLOR = "#8c8c8c"
THREE_D_VIEW_COLOR = "#7471d1"


class _ControllerBar(qMRMLWidget):
    def __init__(self, label, color):
        super().__init__()
        self._bar = QtWidgets.QHBoxLayout(self)
        self._bar.setContentsMargins(4, 0, 6, 0)
        self._bar.setSpacing(6)
        self._label = QtWidgets.QLabel(label)
        self._label.setFixedWidth(22)
        self._label.alignment = Qt.AlignCenter
        self._bar.addWidget(self._label)
        self.setFixedHeight(24)
        self.setAttribute(Qt.WA_StyledBackground, True)
        self.objectName = "viewControllerBar"
        self.styleSheet = f"#viewControllerBar {{ background: {color}; }} QLabel {{ color: black; font-weight: bold; }}"


@stand_in
class qMRMLThreeDViewControllerWidget(_ControllerBar):
    def __init__(self, view):
        super().__init__("1", THREE_D_VIEW_COLOR)
        self._view = view
        self._bar.addStretch(1)

    def mrmlThreeDViewNode(self):
        return self._view.mrmlViewNode()

    def resetFocalPoint(self):
        self._view.resetFocalPoint()


@stand_in
class qMRMLSliceControllerWidget(_ControllerBar):
    """Colour bar with the view's letter, a slider over the slices and the offset in mm."""

    def __init__(self, view, name):
        super().__init__(name[0], SLICE_VIEW_COLORS.get(name, OTHER_VIEW_COLOR))
        self._view = view
        self._slider = QtWidgets.QSlider(Qt.Horizontal)
        self._slider.accessibleName = f"{name} slice offset"
        self._text = QtWidgets.QLabel()
        self._text.setMinimumWidth(96)
        self._text.alignment = Qt.AlignRight | Qt.AlignVCenter
        self._bar.addWidget(self._slider, 1)
        self._bar.addWidget(self._text)
        self._updating = False
        self._slider.valueChanged.connect(self._moved)
        logic = view._rendering.logic
        for observed in (logic, logic.GetSliceNode(), logic.GetSliceCompositeNode()):
            observed.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._update())

    def mrmlSliceNode(self):
        return self._view.mrmlSliceNode()

    def sliceLogic(self):
        return self._view._rendering.logic

    def setSliceOffsetValue(self, offset):
        self.sliceLogic().SetSliceOffset(offset)

    def fitSliceToBackground(self):
        self.sliceLogic().FitSliceToBackground()

    def _range(self):
        bounds = [0.0] * 6
        self.sliceLogic().GetLowestVolumeSliceBounds(bounds)
        return bounds[4], bounds[5], self._view._step()

    def _update(self):
        if slicer.mrmlScene.IsClosing():
            return
        low, high, step = self._range()
        offset = self.sliceLogic().GetSliceOffset()
        self._updating = True
        self._slider.setRange(0, max(0, round((high - low) / step) - 1) if step > 0 else 0)
        self._slider.value = round((offset - low) / step - 0.5) if step > 0 else 0
        self._updating = False
        self._text.text = f"{self._view._rendering.offset_letter(offset)}: {abs(offset):.2f} mm"
        self._view.scheduleRender()

    def _moved(self, position):
        if not self._updating:
            low, _, step = self._range()
            self.sliceLogic().SetSliceOffset(low + (position + 0.5) * step)


@stand_in
class qMRMLSliceWidget(qMRMLWidget):
    _SIGNATURES = {**qMRMLWidget._SIGNATURES, "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited(PyObject)"}
    nodeAboutToBeEdited = Signal(object)

    def __init__(self, core, name, orientation):
        super().__init__()
        self._name = name
        self._rendering = SliceRendering(core, name, orientation)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._view = qMRMLSliceView(self._rendering)
        self._controller = qMRMLSliceControllerWidget(self._view, name)
        layout.addWidget(self._controller)
        layout.addWidget(self._view, 1)
        self.objectName = "qMRMLSliceWidget" + name
        self.setMRMLScene(core.scene)

    def sliceLogic(self):
        return self._rendering.logic

    def logic(self):
        return self._rendering.logic

    def mrmlSliceNode(self):
        return self._rendering.node

    def mrmlAbstractViewNode(self):
        return self._rendering.node

    def mrmlSliceCompositeNode(self):
        return self._rendering.logic.GetSliceCompositeNode()

    def sliceView(self):
        return self._view

    def viewWidget(self):
        return self._view

    def sliceController(self):
        return self._controller

    def controllerWidget(self):
        return self._controller

    def fitSliceToBackground(self):
        self._rendering.logic.FitSliceToBackground()

    def setSliceOrientation(self, orientation):
        self._rendering.node.SetOrientation(orientation)

    def interactorStyle(self):
        return self._rendering.interactor.GetInteractorStyle()

    sliceViewName = Property(str, lambda self: self._name)
    sliceOrientation = Property(str, lambda self: self._rendering.node.GetOrientation(), setSliceOrientation)


@stand_in
class qMRMLThreeDWidget(qMRMLWidget):
    def __init__(self, core):
        super().__init__()
        self._rendering = ThreeDRendering(core)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._view = qMRMLThreeDView(self._rendering)
        self._controller = qMRMLThreeDViewControllerWidget(self._view)
        layout.addWidget(self._controller)
        layout.addWidget(self._view, 1)
        self.objectName = "ThreeDWidget1"
        self.setMRMLScene(core.scene)

    def threeDView(self):
        return self._view

    def viewWidget(self):
        return self._view

    def threeDController(self):
        return self._controller

    def controllerWidget(self):
        return self._controller

    def mrmlViewNode(self):
        return self._rendering.node

    def mrmlAbstractViewNode(self):
        return self._rendering.node

    def viewLogic(self):
        return self._rendering.logic

    def logic(self):
        return self._rendering.logic
