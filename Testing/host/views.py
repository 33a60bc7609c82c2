"""Stand-ins for the views themselves: the picture that the MRML views render, and the mouse on it."""

import slicer
import vtk

from .stand_in import QtCore, QtGui, QtWidgets, stand_in

Qt = QtCore.Qt

#: A view waits so long before it draws what has changed, and draws all of it at once.
INTERVAL_MS = 15

BUTTONS = {Qt.LeftButton: "LeftButton", Qt.MiddleButton: "MiddleButton", Qt.RightButton: "RightButton"}


class _Picture(QtWidgets.QLabel):
    """Shows the rendered picture and hands the mouse's events to the view."""

    def __init__(self, view):
        super().__init__()
        self._view = view
        self.setMinimumSize(120, 100)
        self.setSizePolicy(QtWidgets.QSizePolicy.Ignored, QtWidgets.QSizePolicy.Ignored)
        self.setMouseTracking(True)  # handles light up under the mouse

    def resizeEvent(self, event):
        super().resizeEvent(event)
        self._view.scheduleRender()

    def enterEvent(self, event):
        self._view._on_mouse("Enter", event)

    def leaveEvent(self, event):
        self._view._on_mouse("Leave", None)

    def wheelEvent(self, event):
        self._view._on_mouse("MouseWheelForward" if event.angleDelta().y() > 0 else "MouseWheelBackward", event)

    def mousePressEvent(self, event):
        if event.button() in BUTTONS:
            self._view._on_mouse(BUTTONS[event.button()] + "Press", event)

    def mouseMoveEvent(self, event):
        self._view._on_mouse("MouseMove", event)

    def mouseReleaseEvent(self, event):
        if event.button() in BUTTONS:
            self._view._on_mouse(BUTTONS[event.button()] + "Release", event)


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
        self._timer.timeout.connect(self._draw)
        self._paused = 0
        rendering.group.AddObserver(vtk.vtkCommand.UpdateEvent, lambda caller, event: self.scheduleRender())

    def scheduleRender(self):
        if not self._timer.active:
            self._timer.start(INTERVAL_MS)

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
        size = self._size()
        if size is None:
            return
        width, height = size
        image = self._rendering.render(width, height)
        picture = QtGui.QImage(image.data, width, height, 3 * width, QtGui.QImage.Format_RGB888).copy()
        self._annotate(picture)
        self._picture.pixmap = QtGui.QPixmap.fromImage(picture)

    def _take_size(self):
        """Give the MRML node the size that the view has on the screen, without drawing."""
        size = self._size()
        if size is not None:
            self._rendering.resize(*size)

    def _size(self):
        """Width and height in pixels; None where there is nothing to draw."""
        width, height = self._picture.width, self._picture.height
        return None if width < 2 or height < 2 or slicer.mrmlScene.IsClosing() else (width, height)

    def _annotate(self, picture):
        """Draw over the picture."""

    def _on_mouse(self, name, event):
        """Pass a mouse event on to the displayable managers, as the view's interactor does in Slicer."""
        if slicer.mrmlScene.IsClosing() or self._picture.pixmap.isNull():
            return
        position = event.position().toPoint() if event is not None else QtCore.QPoint(0, 0)
        keys = QtWidgets.QApplication.keyboardModifiers()
        self._rendering.send_mouse_event(
            name, position.x(), position.y(), bool(keys & Qt.ControlModifier), bool(keys & Qt.ShiftModifier)
        )


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

    def _step(self):
        spacing = self._rendering.logic.GetLowestVolumeSliceSpacing()
        return spacing[2] if spacing else 1.0


@stand_in
class qMRMLThreeDView(_AbstractView):
    def mrmlViewNode(self):
        return self._rendering.node

    def cameraNode(self):
        return self._rendering.camera_node()

    def resetCamera(self, reset_rotation=True, reset_translation=True, reset_distance=True):
        self.cameraNode().Reset(reset_rotation, reset_translation, reset_distance, self._rendering.renderer)

    def resetFocalPoint(self):
        self._rendering.reset_focal_point()
        self.scheduleRender()

    def rotateToViewAxis(self, axis):
        """An axis's number (-X, +X, -Y, +Y, -Z, +Z of RAS) or label ("L", "R", "P", "A", "I", "S")."""
        if isinstance(axis, str):
            axis = "LRPAIS".index(axis)
        direction = slicer.vtkMRMLCameraNode
        sides = (direction.Left, direction.Right, direction.Posterior, direction.Anterior)
        self.cameraNode().RotateTo((*sides, direction.Inferior, direction.Superior)[axis])
