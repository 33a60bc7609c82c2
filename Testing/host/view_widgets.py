"""Stand-ins for slice and 3D view widgets: a controller bar above a picture that the MRML views render."""

import slicer
import vtk

from .rendering import SliceRendering, ThreeDRendering
from .stand_in import Property, QtCore, QtGui, QtWidgets, Signal, stand_in
from .widgets_mrml import qMRMLWidget

Qt = QtCore.Qt
SLICE_VIEW_COLORS = {"Red": "#f34a33", "Yellow": "#edd54c", "Green": "#6eb04b"}
THREE_D_VIEW_COLOR = "#7471d1"


class _Picture(QtWidgets.QLabel):
    """Shows the rendered picture and turns mouse movement into MRML changes."""

    def __init__(self, view):
        super().__init__()
        self._view = view
        self.setMinimumSize(120, 100)
        self.setSizePolicy(QtWidgets.QSizePolicy.Ignored, QtWidgets.QSizePolicy.Ignored)
        self._pressed_at = None

    def resizeEvent(self, event):
        super().resizeEvent(event)
        self._view._on_resized()

    def wheelEvent(self, event):
        self._view._on_wheel(1 if event.angleDelta().y() > 0 else -1)

    def mousePressEvent(self, event):
        self._pressed_at = event.position().toPoint()

    def mouseMoveEvent(self, event):
        if self._pressed_at is not None:
            position = event.position().toPoint()
            self._view._on_drag(position - self._pressed_at, event.buttons())
            self._pressed_at = position

    def mouseReleaseEvent(self, event):
        self._pressed_at = None


class _AbstractView(QtWidgets.QWidget):
    """A render window's picture, drawn again at most once per turn of the event loop."""

    def __init__(self, rendering):
        super().__init__()
        self._rendering = rendering
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._picture = _Picture(self)
        layout.addWidget(self._picture)
        self._timer = QtCore.QTimer(self)
        self._timer.singleShot = True
        self._timer.interval = 15
        self._timer.timeout.connect(self._draw)
        self._paused = 0
        rendering.group.AddObserver(vtk.vtkCommand.UpdateEvent, lambda caller, event: self.scheduleRender())

    def scheduleRender(self):
        if not self._timer.active:
            self._timer.start()

    def forceRender(self):
        self._timer.stop()
        self._draw()

    def pauseRender(self):
        self._paused += 1

    def resumeRender(self):
        self._paused = max(0, self._paused - 1)
        if not self._paused:
            self.scheduleRender()

    def renderWindow(self):
        return self._rendering.window

    def interactor(self):
        return self._rendering.interactor

    def _draw(self):
        if self._paused:
            self.scheduleRender()
            return
        width, height = self._picture.width, self._picture.height
        if width < 2 or height < 2 or slicer.mrmlScene.IsClosing():
            return
        image = self._rendering.render(width, height)
        picture = QtGui.QImage(image.data, width, height, 3 * width, QtGui.QImage.Format_RGB888).copy()
        self._annotate(picture)
        self._picture.pixmap = QtGui.QPixmap.fromImage(picture)

    def _annotate(self, picture):
        """Draw over the picture."""

    def _on_resized(self):
        self.scheduleRender()

    def _on_wheel(self, direction):
        """The mouse wheel was turned."""

    def _on_drag(self, distance, buttons):
        """The mouse was dragged."""


@stand_in
class qMRMLSliceView(_AbstractView):
    def mrmlSliceNode(self):
        return self._rendering.node

    def _annotate(self, picture):
        if self._rendering.logic.GetSliceCompositeNode().GetBackgroundVolumeID() is None:
            return
        left, right, bottom, top = self._rendering.edge_letters()
        painter = QtGui.QPainter(picture)
        font = painter.font()
        font.setPointSize(11)
        font.setBold(True)
        painter.setFont(font)
        frame = picture.rect().adjusted(5, 3, -5, -3)
        for letter, alignment in (
            (left, Qt.AlignLeft | Qt.AlignVCenter),
            (right, Qt.AlignRight | Qt.AlignVCenter),
            (bottom, Qt.AlignHCenter | Qt.AlignBottom),
            (top, Qt.AlignHCenter | Qt.AlignTop),
        ):
            painter.setPen(QtGui.QColor("black"))
            painter.drawText(frame.translated(1, 1), alignment, letter)
            painter.setPen(QtGui.QColor("#ffd75e"))
            painter.drawText(frame, alignment, letter)
        painter.end()

    def _on_wheel(self, direction):
        logic = self._rendering.logic
        logic.SetSliceOffset(logic.GetSliceOffset() + direction * self._step())

    def _step(self):
        spacing = self._rendering.logic.GetLowestVolumeSliceSpacing()
        return spacing[2] if spacing else 1.0

    def _on_drag(self, distance, buttons):
        node = self._rendering.logic.GetBackgroundLayer().GetVolumeNode()
        display = node.GetDisplayNode() if node is not None else None
        if display is not None and buttons & Qt.LeftButton:
            low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
            unit = (high - low) / 300.0
            window, level = (high - low) + distance.x() * unit, (high + low) / 2 + distance.y() * unit
            display.AutoWindowLevelOff()
            display.SetWindowLevel(max(window, 1e-3), level)


@stand_in
class qMRMLThreeDView(_AbstractView):
    def mrmlViewNode(self):
        return self._rendering.node

    def cameraNode(self):
        return self._rendering.camera_node()

    def resetCamera(self, reset_rotation=True, reset_translation=True, reset_distance=True):
        self._rendering.reset_camera()
        self.scheduleRender()

    def resetFocalPoint(self):
        self._rendering.reset_camera()
        self.scheduleRender()

    def rotateToViewAxis(self, axis):
        names = ("Right", "Left", "Posterior", "Anterior", "Inferior", "Superior")
        self._rendering.look_from(axis if isinstance(axis, int) else names.index(axis.capitalize()))
        self.scheduleRender()

    def _on_drag(self, distance, buttons):
        camera = self._rendering.renderer.GetActiveCamera()
        if buttons & Qt.LeftButton:
            camera.Azimuth(-0.5 * distance.x())
            camera.Elevation(0.5 * distance.y())
            camera.OrthogonalizeViewUp()
        elif buttons & Qt.RightButton:
            camera.Zoom(1.0 - distance.y() / 200.0)
        self._rendering.renderer.ResetCameraClippingRange()
        self.scheduleRender()

    def _on_wheel(self, direction):
        self._rendering.renderer.GetActiveCamera().Dolly(1.0 + 0.1 * direction)
        self._rendering.renderer.ResetCameraClippingRange()
        self.scheduleRender()


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
        super().__init__(name[0], SLICE_VIEW_COLORS[name])
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
