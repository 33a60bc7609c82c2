"""Stand-ins for CTK's number widgets: slider, spin box, and the two in one."""

from .stand_in import Property, QtCore, QtWidgets, Signal, stand_in, stored

_STEPS = 10000  # a QSlider counts in int: so many positions between minimum and maximum at most


class _Number(QtWidgets.QWidget):
    """A widget with a double value in a range; subclasses show it."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._value, self._minimum, self._maximum, self._step, self._decimals = 0.0, 0.0, 99.0, 1.0, 2
        self._updating = False

    def _show(self):
        """Show value, range, step and decimals."""

    def _set_value(self, value):
        value = min(max(float(value), self._minimum), self._maximum)
        changed = value != self._value
        self._value = value
        self._refresh()
        if changed:
            self.valueChanged.emit(value)

    def _set_range(self, minimum, maximum):
        self._minimum, self._maximum = minimum, max(minimum, maximum)
        self._refresh()
        self._set_value(self._value)

    def _refresh(self):
        self._updating = True
        try:
            self._show()
        finally:
            self._updating = False

    def _set_step(self, step):
        self._step = step
        self._refresh()

    def setValue(self, value):
        self._set_value(value)

    value = Property(float, lambda self: self._value, setValue)
    minimum = Property(float, lambda self: self._minimum, lambda self, v: self._set_range(v, max(v, self._maximum)))
    maximum = Property(float, lambda self: self._maximum, lambda self, v: self._set_range(min(v, self._minimum), v))
    singleStep = Property(float, lambda self: self._step, _set_step)


class _NumberWithSpinBox(_Number):
    """A number that is shown in a spin box, ``_box``, with digits and units."""

    decimalsChanged = Signal(int)

    def _show(self):
        self._box.decimals = self._decimals
        self._box.setRange(self._minimum, self._maximum)
        self._box.singleStep = self._step
        self._box.value = self._value

    def setDecimals(self, decimals):
        self._decimals = decimals
        self._refresh()
        self.decimalsChanged.emit(decimals)

    decimals = Property(int, lambda self: self._decimals, setDecimals)
    prefix = Property(str, lambda self: self._box.prefix, lambda self, v: self._box.setPrefix(v))
    suffix = Property(str, lambda self: self._box.suffix, lambda self, v: self._box.setSuffix(v))


@stand_in
class ctkDoubleSlider(_Number):
    valueChanged = Signal(float)
    sliderMoved = Signal(float)
    sliderPressed = Signal()
    sliderReleased = Signal()
    tracking = stored(bool, True)
    pageStep = stored(float, 10.0)

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal)
        layout.addWidget(self._slider)
        self._slider.valueChanged.connect(self._slider_changed)
        self._slider.sliderPressed.connect(lambda: self.sliderPressed.emit())
        self._slider.sliderReleased.connect(lambda: self.sliderReleased.emit())
        self._slider.sliderMoved.connect(lambda position: self.sliderMoved.emit(self._of_position(position)))
        self._refresh()

    def _unit(self):
        span = self._maximum - self._minimum
        return max(self._step, span / _STEPS) or 1.0

    def _of_position(self, position):
        return min(self._minimum + position * self._unit(), self._maximum)

    def _show(self):
        self._slider.setRange(0, round((self._maximum - self._minimum) / self._unit()))
        self._slider.value = round((self._value - self._minimum) / self._unit())

    def _slider_changed(self, position):
        if not self._updating:
            self._set_value(self._of_position(position))


@stand_in
class ctkDoubleSpinBox(_NumberWithSpinBox):
    valueChanged = Signal(float)
    editingFinished = Signal()

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._box = QtWidgets.QDoubleSpinBox()
        layout.addWidget(self._box)
        self._box.valueChanged.connect(lambda value: self._updating or self._set_value(value))
        self._box.editingFinished.connect(lambda: self.editingFinished.emit())
        self._refresh()

    def setReadOnly(self, read_only):
        self._box.setReadOnly(read_only)

    def stepUp(self):
        self._box.stepUp()

    def stepDown(self):
        self._box.stepDown()

    readOnly = Property(bool, lambda self: self._box.readOnly, setReadOnly)


@stand_in
class qMRMLSpinBox(ctkDoubleSpinBox):
    quantity = stored(str, "")

    def setMRMLScene(self, scene):
        self._scene = scene

    def mrmlScene(self):
        return self.__dict__.get("_scene")


@stand_in
class ctkSliderWidget(_NumberWithSpinBox):
    """A slider and a spin box that show the same value."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    tracking = stored(bool, True)
    pageStep = stored(float, 10.0)
    tickInterval = stored(float, 0.0)

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._slider, self._box = QtWidgets.QSlider(QtCore.Qt.Horizontal), QtWidgets.QDoubleSpinBox()
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._box)
        self._slider.valueChanged.connect(self._slider_changed)
        self._slider.sliderReleased.connect(self._slider_released)
        self._box.valueChanged.connect(lambda value: self._updating or self._set_value(value))
        self._before_drag = None
        self._refresh()

    _unit = ctkDoubleSlider._unit
    _of_position = ctkDoubleSlider._of_position

    def _show(self):
        ctkDoubleSlider._show(self)
        super()._show()

    def _slider_changed(self, position):
        if self._updating:
            return
        value = self._of_position(position)
        if self._slider.sliderDown:
            self.valueIsChanging.emit(value)
            if not self.tracking:
                self._box.blockSignals(True)
                self._box.value = value
                self._box.blockSignals(False)
                return
        self._set_value(value)

    def _slider_released(self):
        self._set_value(self._of_position(self._slider.value))

    def setSpinBoxVisible(self, visible):
        self._box.visible = visible

    def reset(self):
        self.setValue(0.0)

    spinBoxVisible = Property(bool, lambda self: not self._box.isHidden(), setSpinBoxVisible)


@stand_in
class qMRMLSliderWidget(ctkSliderWidget):
    quantity = stored(str, "")

    def setMRMLScene(self, scene):
        self._scene = scene

    def mrmlScene(self):
        return self.__dict__.get("_scene")
