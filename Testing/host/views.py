"""Stand-ins for the views themselves: the picture that the MRML views render, and what the mouse does to it."""

import slicer
import vtk

from .stand_in import QtCore, QtGui, QtWidgets, stand_in

Qt = QtCore.Qt


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
