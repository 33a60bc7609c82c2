"""The stand-in's Qt has PythonQt's manners, so that code that breaks them fails here and not first in Slicer."""

import functools

import numpy as np
import pytest


@pytest.fixture
def qt(slicerHost):
    return slicerHost.qt


@pytest.fixture
def ctk(slicerHost):
    return slicerHost.ctk


def test_properties_are_attributes(qt):
    label = qt.QLabel("one")
    assert label.text == "one"
    label.text = "two"
    assert label.property("text") == "two"
    label.setText("three")
    assert label.text == "three"
    assert not hasattr(label, "hasNoSuchProperty")


def test_calling_a_property_raises(qt):
    with pytest.raises(TypeError):
        qt.QLabel("one").text()
    with pytest.raises(TypeError):
        qt.QComboBox().currentIndex()


def test_unknown_attributes_cannot_be_set(qt, ctk):
    for widget in (qt.QPushButton(), ctk.ctkSliderWidget()):
        with pytest.raises(AttributeError):
            widget.lable = "x"
        with pytest.raises(AttributeError):
            widget.setEnabled = True


def test_wrong_type_and_read_only_properties_raise(qt, ctk):
    with pytest.raises(TypeError):
        qt.QPushButton().text = 5
    with pytest.raises(AttributeError):
        qt.QComboBox().count = 5
    with pytest.raises(TypeError):
        ctk.ctkSliderWidget().value = "much"


def test_values_that_pythonqt_takes_for_something_else_raise(qt, ctk):
    """It would write "None" into a text, and takes no number of numpy's for a whole one."""
    for widget in (qt.QLabel("one"), qt.QLineEdit("one"), ctk.ctkCollapsibleButton("one")):
        with pytest.raises(TypeError):
            widget.text = None
        assert widget.text == "one"
        with pytest.raises(TypeError):
            widget.toolTip = None
        with pytest.raises(UnicodeEncodeError):
            widget.text = "sc\udce4n"
    bar = qt.QProgressBar()
    for value in (np.float64(3.0), np.float32(3.0)):
        with pytest.raises(TypeError):
            bar.value = value
    bar.value = np.int64(3)
    assert bar.value == 3


def test_deleted_objects_are_false_and_cannot_be_used(qt):
    label = qt.QLabel("one")
    assert label
    label.delete()
    assert not label
    with pytest.raises(RuntimeError):
        _ = label.text


def test_newer_qt_is_hidden(qt):
    with pytest.raises(AttributeError):
        _ = qt.QCheckBox().checkStateChanged
    with pytest.raises(AttributeError):
        qt.QFormLayout().setRowVisible(0, False)
    assert not hasattr(qt, "Signal")


def test_connect_checks_the_signature(qt):
    button = qt.QPushButton()
    with pytest.raises(ValueError, match="no signal"):
        button.connect("clicked(int)", lambda: None)
    with pytest.raises(ValueError, match="no signal"):
        qt.QComboBox().connect("currentIndexChange(int)", lambda: None)
    with pytest.raises(TypeError):
        button.connect("clicked()", None)


def test_arguments_are_trimmed_to_what_the_callable_takes(qt):
    button = qt.QPushButton()
    button.checkable = True
    seen = []

    class Receiver:
        def nothing(self):
            seen.append("nothing")

        def one(self, checked):
            seen.append(("one", checked))

    receiver = Receiver()
    button.connect("toggled(bool)", receiver.nothing)
    button.connect("toggled(bool)", receiver.one)
    button.connect("toggled(bool)", lambda default="kept": seen.append(("lambda", default)))
    button.connect("toggled(bool)", functools.partial(lambda first, *rest: seen.append((first, rest)), "partial"))
    button.checked = True
    assert seen == ["nothing", ("one", True), ("lambda", True), ("partial", (True,))]


def test_disconnect(qt):
    button = qt.QPushButton()
    seen = []

    def clicked(checked):
        seen.append(checked)

    button.connect("clicked(bool)", clicked)
    button.click()
    assert button.disconnect("clicked(bool)", clicked)
    button.click()
    assert seen == [False]
    assert not button.disconnect("clicked(bool)", clicked)


def test_exception_in_a_slot_is_recorded_and_does_not_stop_the_program(qt, slicerHost):
    button = qt.QPushButton()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    assert "ZeroDivisionError" in slicerHost.errors[0]
    slicerHost.errors.clear()


def test_timers(qt, slicerHost):
    seen = []
    qt.QTimer.singleShot(0, lambda: seen.append("once"))
    timer = qt.QTimer()
    timer.interval = 5
    timer.connect("timeout()", lambda: seen.append("again"))
    timer.start()
    assert timer.active
    assert slicerHost.process_events(until=lambda: seen.count("again") > 2)
    timer.stop()
    assert seen.count("once") == 1


def test_settings_stay_in_the_hosts_own_folder(qt, slicerHost):
    qt.QSettings().setValue("RadiologyCNN/Test", 3)
    assert str(slicerHost.temporary_path) in qt.QSettings().fileName()
    assert slicerHost.slicer.util.settingsValue("RadiologyCNN/Test", 0, int) == 3


def test_enums_are_integers(qt):
    assert qt.Qt.Checked == 2
    assert qt.QProcess.NotRunning == 0


def test_slider_widget_follows_its_spin_box_and_emits_once(ctk):
    slider = ctk.ctkSliderWidget()
    slider.minimum, slider.maximum, slider.singleStep, slider.decimals = 0.0, 1.0, 0.01, 2
    seen = []
    slider.connect("valueChanged(double)", lambda value: seen.append(round(value, 2)))
    slider.value = 0.37
    slider.setValue(0.37)
    slider.value = 7
    assert seen == [0.37, 1.0]


def test_collapsible_button_hides_its_contents(qt, ctk, slicerHost):
    button = ctk.ctkCollapsibleButton()
    layout = qt.QVBoxLayout(button)
    label = qt.QLabel("inside")
    layout.addWidget(label)
    button.show()
    seen = []
    button.connect("contentsCollapsed(bool)", seen.append)
    button.collapsed = True
    slicerHost.process_events()
    assert not label.visible and seen == [True]
    button.collapsed = False
    assert label.visible
    button.close()
