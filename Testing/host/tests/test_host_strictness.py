"""The stand-ins offer nothing that Slicer lacks: each of their members is looked up in the widget table."""

import importlib.util
import inspect

import pytest

for name in ("slicer", "PySide6"):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed (pip install radiologycnn[host])", allow_module_level=True)

from host import api_table, newer_than_slicer, pythonqt, stand_in  # noqa: E402
from host.slicer_host import import_stand_ins  # noqa: E402

import_stand_ins()

TABLE_NAMES = {
    "qSlicerApplication": "slicer.app",
    "qSlicerIOManager": "slicer.app.coreIOManager()",
    "qSlicerLayoutManager": "slicer.app.layoutManager()",
    "qSlicerMainWindow": "mainWindow",
    "qMRMLSliceWidget": "sliceWidget",
    "qMRMLThreeDWidget": "threeDWidget",
    "qSlicerScriptedLoadableModule": "slicer.modules.volumes",
    "qSlicerScriptedLoadableModuleWidget": "qSlicerWidget",
}
# qSlicerScriptedLoadableModuleWidget is not in the table; slicer.util and the module templates use these of it
NOT_IN_TABLE = {"qSlicerScriptedLoadableModuleWidget": {"self", "reload", "isEntered"}}
# of Qt's classes: Python plumbing, or C++ protected members, that panels have no use for
PLUMBING = set(
    """connectNotify disconnectNotify emit isQmlExposed isQuickItemType receivers staticMetaObject create raise_
    updateMicroFocus del_ print_ skipData forceShow menuInAction widgetAdded standardButtonShortcut standardButtonText
    closeEditor columnCountChanged columnMoved columnResized commitData currentChanged dataChanged editorDestroyed
    horizontalScrollbarAction horizontalScrollbarValueChanged initViewItemOption itemDelegateForIndex rowCountChanged
    rowMoved rowResized rowsAboutToBeRemoved rowsInserted rowsRemoved selectionChanged setSupportedDragActions
    supportedDragActions updateEditorData updateEditorGeometries updateGeometries verticalScrollbarAction
    verticalScrollbarValueChanged itemDecorationRect reexpand""".split()
)


def own_members(cls):
    """Public members that the host's own classes add to the Qt class below them."""
    found = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("host."):
            found |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    found.pop("staticMetaObject", None)
    return found


def cases():
    for name, cls in sorted(stand_in.REGISTRY.items()):
        for member, value in sorted(own_members(cls).items()):
            yield pytest.param(name, member, value, id=f"{name}.{member}")


@pytest.mark.parametrize("class_name", sorted(stand_in.REGISTRY))
def test_stand_in_class_is_known(class_name):
    assert api_table.members(TABLE_NAMES.get(class_name, class_name)) is not None


@pytest.mark.parametrize(("class_name", "member", "value"), list(cases()))
def test_member_exists_in_slicer(class_name, member, value):
    if member in NOT_IN_TABLE.get(class_name, ()):
        return
    known = api_table.members(TABLE_NAMES.get(class_name, class_name))
    if isinstance(value, pythonqt.QtCore.Property | property):
        assert member in known.properties, f"Slicer's {class_name} has no property {member}"
        if value.fset is not None and not isinstance(value, property):
            assert known.properties[member], f"{class_name}.{member} can only be read in Slicer"
    elif isinstance(value, pythonqt.QtCore.Signal):
        names = {signal.split("(")[0] for signal in known.signals}
        assert member in names, f"Slicer's {class_name} emits no {member}"
    else:
        assert callable(value), f"{class_name}.{member} is neither property, signal nor method"
        assert member in known.methods, f"Slicer's {class_name} has no method {member}"


@pytest.mark.parametrize("class_name", sorted(stand_in.REGISTRY))
def test_signal_signatures_exist_in_slicer(class_name):
    cls = stand_in.REGISTRY[class_name]
    known = api_table.members(TABLE_NAMES.get(class_name, class_name)).signals
    mapped = {}
    for base in reversed(cls.__mro__):
        mapped |= vars(base).get("_SIGNATURES", {})
    if class_name not in NOT_IN_TABLE:
        assert set(mapped) <= known
    meta = cls.staticMetaObject
    host_made = {name for name, value in own_members(cls).items() if isinstance(value, pythonqt.QtCore.Signal)}
    for index in range(meta.methodCount()):
        method = meta.method(index)
        name = method.name().data().decode()
        signature = method.methodSignature().data().decode()
        if method.methodType() == pythonqt.QtCore.QMetaMethod.Signal and name in host_made:
            assert signature in known or signature in mapped.values(), f"{class_name} emits no {signature} in Slicer"


def qt_classes():
    for name, entry in api_table.table()["classes"].items():
        cls = next((getattr(module, name) for module in pythonqt.MODULES if hasattr(module, name)), None)
        if cls is not None and entry["listed_callables"]:
            yield pytest.param(cls, id=name)


@pytest.mark.parametrize("cls", list(qt_classes()))
def test_qt_class_has_no_more_than_in_slicer(cls):
    names = {name for base in cls.__mro__ for name in vars(base) if not name.startswith("_")}
    visible = {name for name in names if not isinstance(inspect.getattr_static(cls, name), newer_than_slicer.Absent)}
    assert visible - api_table.members(cls.__name__).names - PLUMBING == set()
