"""What a person does with the mouse in the views, as Qt events on the picture."""

import vtk

from .pythonqt import QtCore, QtGui, QtWidgets

STEPS = 8


def pixel_of(view, ras) -> QtCore.QPoint:
    """Pixel of a slice view's picture, from its top left, at which a point (RAS, mm) is seen."""
    to_xy = vtk.vtkMatrix4x4()
    vtk.vtkMatrix4x4.Invert(view._rendering.node.GetXYToRAS(), to_xy)
    x, y = to_xy.MultiplyPoint((*ras, 1.0))[:2]
    return QtCore.QPoint(round(x), round(view._picture.height - 1 - y))


def drag(view, start: QtCore.QPoint, end: QtCore.QPoint, button=QtCore.Qt.LeftButton) -> None:
    """Move to a pixel, press, move on and let go."""
    kind = QtCore.QEvent
    _send(view, kind.MouseMove, start + QtCore.QPoint(3, 0), QtCore.Qt.NoButton)
    _send(view, kind.MouseMove, start, QtCore.Qt.NoButton)
    _send(view, kind.MouseButtonPress, start, button)
    for step in range(1, STEPS + 1):
        _send(view, kind.MouseMove, start + (end - start) * (step / STEPS), QtCore.Qt.NoButton, button)
    _send(view, kind.MouseButtonRelease, end, button)


def turn_wheel(view, steps: int) -> None:
    """Turn the mouse wheel over the picture's middle: away from the person for a positive number."""
    middle = QtCore.QPointF(view._picture.rect.center())
    for _step in range(abs(steps)):
        angle = QtCore.QPoint(0, 120 if steps > 0 else -120)
        event = QtGui.QWheelEvent(
            middle,
            middle,
            QtCore.QPoint(),
            angle,
            QtCore.Qt.NoButton,
            QtCore.Qt.NoModifier,
            QtCore.Qt.NoScrollPhase,
            False,
        )
        QtWidgets.QApplication.sendEvent(view._picture, event)


def _send(view, kind, place, button, held=QtCore.Qt.NoButton) -> None:
    place = QtCore.QPointF(place)
    event = QtGui.QMouseEvent(kind, place, place, button, held or button, QtCore.Qt.NoModifier)
    QtWidgets.QApplication.sendEvent(view._picture, event)
