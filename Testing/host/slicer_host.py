"""SlicerHost: starts the stand-in, loads shipped modules, clicks, waits, takes pictures."""

import logging
import os
import shutil
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x2")
SLICE_VIEWS = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


def import_stand_ins() -> None:
    """Import the files that define stand-ins, so that the registry is complete."""
    from . import (  # noqa: F401  # noqa: F401
        application,
        dicom_database,
        main_window,
        scripted_module,
        widgets_colors,
        widgets_ctk,
        widgets_mrml,
        widgets_node_selector,
        widgets_numbers,
        widgets_segment_editor,
        widgets_segmentation,
        widgets_table,
    )


class SlicerHost:
    """One stand-in Slicer; there is one in a process, and it lives as long as the process.

    Slicer's names (``slicer.app``, ``slicer.mrmlScene``, ``slicer.modules``, ``qt``, ``ctk``) are those of the real
    application while it lives. ``testing`` is Slicer's ``--testing``: message boxes answer at once; the texts that
    they would have shown are in ``messages``. ``errors`` holds tracebacks of exceptions that left a slot: Slicer
    prints these and goes on, tests should look at them. Without ``has_window`` it is Slicer's ``--no-main-window``:
    there are no views at all. ``slice_views`` are orientations by name; a person's own layout may have any, or none.
    """

    _instance = None

    def __init__(
        self,
        offscreen: bool | None = None,
        testing: bool = True,
        size: tuple[int, int] = (1440, 900),
        has_window: bool = True,
        slice_views: dict[str, str] = SLICE_VIEWS,
    ):
        if SlicerHost._instance is not None:
            raise RuntimeError("the process has a stand-in host already: use SlicerHost.instance()")
        if offscreen is None:
            offscreen = sys.platform.startswith("linux") and not (
                os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
            )
        if offscreen:
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        elif sys.platform.startswith("linux"):  # the next one where the system's libraries for one are not complete
            wayland = "wayland;xcb" if os.environ.get("WAYLAND_DISPLAY") else "xcb"
            os.environ.setdefault("QT_QPA_PLATFORM", f"{wayland};offscreen")
        self.temporary_path = Path(tempfile.mkdtemp(prefix="slicer-host-"))
        self.messages: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self._start(testing, size, has_window, slice_views)
        SlicerHost._instance = self

    @classmethod
    def instance(cls) -> "SlicerHost":
        """The process's host, started now if it is not yet."""
        return cls._instance if cls._instance is not None else cls()

    def _start(self, testing: bool, size: tuple[int, int], has_window: bool, slice_views: dict[str, str]) -> None:
        from . import qt_module

        self.qt = qt = qt_module.make()
        qt_module.drop_noise()
        qt.QSettings.setPath(qt.QSettings.NativeFormat, qt.QSettings.UserScope, str(self.temporary_path / "settings"))
        qt.QSettings.setPath(qt.QSettings.IniFormat, qt.QSettings.UserScope, str(self.temporary_path / "settings"))
        import slicer
        import vtk

        vtk.vtkTimerLog.LoggingOff()  # every frame of every view would leave marks that nobody reads
        from . import (
            application,
            main_window,
            parameter_node,
            python_modules,
            scripted_module,
            stand_in,
            subject_hierarchy,
        )
        from .core import Core

        import_stand_ins()
        self.slicer = slicer
        app = application.qSlicerApplication(self.temporary_path, testing)
        self.offscreen = app.platformName == "offscreen"
        app.applicationName = "Slicer"
        app.setOrganizationName("NA-MIC")
        app.setApplicationVersion(application.VERSION)
        application.apply_theme(app, "light")
        self.app = slicer.app = app
        self.core = Core(self.temporary_path)
        self._install_slicer_names(stand_in.REGISTRY)
        self._install_python_modules(scripted_module, parameter_node, python_modules)
        self.modules = application.make_modules_namespace(self.core, app)
        self._subject_hierarchy = subject_hierarchy.SubjectHierarchyItems(self.core.scene)
        self.window = main_window.qSlicerMainWindow() if has_window else None
        app._start(self.core, self.window and self.window._viewport, slice_views)
        self.layout_manager = app.layoutManager()
        qt_module.UiLoader.stand_ins = stand_in.REGISTRY
        self.slicer.dicomDatabase = app.dicomDatabase()
        self._collect_messages()
        sys.excepthook = self._on_exception
        if has_window:
            self.window.resize(*size)
            self.window.show()
        app.aboutToQuit.connect(self._clean_up_panels)
        self.process_events()

    def _install_slicer_names(self, registry: dict[str, type]) -> None:
        ctk = types.ModuleType("ctk", "stand-ins for CTK's widgets")
        for name, cls in registry.items():
            setattr(ctk if name.startswith("ctk") else self.slicer, name, cls)
        sys.modules["ctk"] = self.ctk = ctk
        for name in ("Read", "Write"):
            file_dialog = getattr(self.slicer, "qSlicerFileDialog", types.SimpleNamespace())
            setattr(file_dialog, name, name)
            self.slicer.qSlicerFileDialog = file_dialog

    def _install_python_modules(self, scripted_module, parameter_node, python_modules) -> None:
        for module in (
            scripted_module.make_python_module(),
            parameter_node.make_python_module(),
            python_modules.make_i18n(),
            python_modules.make_packaging(),
        ):
            sys.modules[module.__name__] = module
            setattr(self.slicer, module.__name__.split(".")[1], module)

    def _collect_messages(self) -> None:
        """Keep what slicer.util's message functions say: in testing mode no box is shown."""
        util = self.slicer.util
        original = util._messageDisplay

        def display(level, text, *arguments, **keywords):
            self.messages.append((logging.getLevelName(level).lower(), str(text)))
            return original(level, text, *arguments, **keywords)

        util._messageDisplay = display

    def _on_exception(self, kind, error, trace) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        self.errors.append(text)
        sys.stderr.write(text)

    def load_module(self, folder: str | Path, select: bool = True):
        """Load the scripted module in a folder (or its .py file), show its panel; return the panel's widget object."""
        from . import scripted_module

        path = Path(folder).resolve()
        if path.is_dir():
            path = path / f"{path.name}.py"
        name = path.stem
        manager = self.app.moduleManager()
        module = manager.module(name)
        if module is None:
            source = scripted_module.import_module_file(path)
            module = scripted_module.qSlicerScriptedLoadableModule(name, path, self)
            module._python = getattr(source, name)(module)
            for needed in module.dependencies:  # Slicer loads these first, and no module without them
                if not hasattr(self.modules, needed.lower()):
                    raise RuntimeError(f"{name} depends on {needed}, which is not there")
            manager._modules[name] = module
            setattr(self.modules, name.lower(), module)
            setattr(self.modules, name + "Instance", module._python)
            manager.moduleLoaded.emit(name)
            self.app.startupCompleted.emit()
            if self.window is not None:
                self.window._selector._add(name, module.title)
        if select and self.window is not None:
            self.slicer.util.selectModule(name)
            self.process_events()
        return module.widgetRepresentation().self()

    def leave_module(self) -> None:
        """Leave the module that is shown; its panel stays loaded, but is not asked to follow the scene any more."""
        self.window._selector._leave()
        self.process_events()

    def use_theme(self, theme: str) -> None:
        """Show everything in Slicer's "light" or "dark" colours."""
        from .application import apply_theme

        apply_theme(self.app, theme)
        self.process_events()

    def load_volume(self, path: str | Path):
        """Load an image file and show it in the slice views, as dropping it onto Slicer would."""
        return self.slicer.util.loadVolume(str(path), {})

    def load_dicom(self, folder: str | Path, name: str | None = None):
        """Import a folder of DICOM files and load its first series, as the DICOM module does; return its volume node.

        Slices are put in order, and the node knows their instances; uneven gaps are not looked for.
        """
        import vtk

        database = self.app.dicomDatabase()
        series = database._import(folder)[0]
        instances = database._in_slice_order(series)
        files = vtk.vtkStringArray()
        for instance in instances:
            files.InsertNextValue(database.fileForInstance(instance))
        logic = self.core.logics["volumes"]
        described = name or database.instanceValue(instances[0], "0008,103e") or "Series"
        node = logic.AddArchetypeVolume(files.GetValue(0), described, 0, files)
        node.SetAttribute("DICOM.instanceUIDs", " ".join(instances))
        self.slicer.util.setSliceViewerLayers(background=node, fit=True)
        return node

    def clear_scene(self) -> None:
        """Close the scene, as File > Close Scene."""
        self.core.scene.Clear(False)
        self.process_events()

    def process_events(self, seconds: float = 0.0, until: Callable[[], bool] | None = None) -> bool:
        """Run the event loop once, for a time, or until a condition holds (then: does it hold?)."""
        limit = time.monotonic() + (seconds if seconds or until is None else 60.0)
        while True:
            self.app.processEvents()
            self.app.sendPostedEvents(None, self.qt.QEvent.DeferredDelete)
            if until is not None and until():
                return True
            if time.monotonic() >= limit:
                return until is None
            time.sleep(0.005)

    processEvents = process_events

    def activate_window(self) -> None:
        """Let keys reach the main window: offscreen nobody gives them back to it when another window has closed."""
        self.window.activateWindow()
        self.process_events()

    def click(self, widget, position=None) -> None:
        """Click a widget with the mouse, as a person would: it must be visible and enabled."""
        from PySide6 import QtTest

        self.process_events()  # what was added to a visible panel just now is shown in the event loop
        if not widget.isVisible() or not widget.enabled:
            raise AssertionError(f"{widget.className()} {widget.objectName!r} cannot be clicked: hidden or disabled")
        self.reveal(widget)
        place = widget.rect.center() if position is None else position
        QtTest.QTest.mouseClick(widget, self.qt.Qt.LeftButton, self.qt.Qt.NoModifier, place)
        self.process_events()

    def drag_in_slice(self, name: str, start_ras, end_ras) -> None:
        """Drag with the left button in a slice view, between two points in RAS (mm), as on a markup's handle."""
        from . import mouse

        view = self.layout_manager.sliceWidget(name).sliceView()
        view.forceRender()
        mouse.drag(view, mouse.pixel_of(view, start_ras), mouse.pixel_of(view, end_ras))
        self.process_events()

    def turn_wheel(self, name: str, steps: int) -> None:
        """Turn the mouse wheel over a slice view; away from the person for a positive number."""
        from . import mouse

        mouse.turn_wheel(self.layout_manager.sliceWidget(name).sliceView(), steps)
        self.process_events()

    def reveal(self, widget) -> None:
        """Scroll the module panel to a widget."""
        area = self.window._panel_area
        if area.widget() is not None and area.widget().isAncestorOf(widget):
            area.ensureWidgetVisible(widget)

    def views_to_draw(self) -> bool:
        """Whether a view is going to draw itself: something in it has changed."""
        return any(view.isVisible() and view._timer.active for view in self.layout_manager._views())

    def render_views(self) -> None:
        """Draw all views now."""
        for view in self.layout_manager._views():
            if view.isVisible():
                view.forceRender()

    def screenshot(self, path: str | Path, widget=None) -> Path:
        """Write a picture of the window (or of one widget) as PNG."""
        self.process_events(0.05)
        self.render_views()
        self.process_events(0.05)
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixmap = (widget if widget is not None else self.window).grab()
        if not pixmap.save(str(path), "PNG"):
            raise OSError(f"could not write {path}")
        return path

    def _clean_up_panels(self) -> None:
        """As Slicer at exit: modules are unloaded, the last one first. Each is left, is no longer in slicer.modules,
        and cleans up; then what the event loop still has to do is done."""
        manager = self.app.moduleManager()
        for name, module in reversed(manager._modules.items()):
            representation, module._representation = module._representation, None
            if representation is not None:
                representation._exit()
            for attribute in (f"{name}Instance", f"{name}Widget", name.lower()):
                vars(self.modules).pop(attribute, None)
            manager.moduleAboutToBeUnloaded.emit(name)
        self.process_events(0.5)

    def close(self) -> None:
        """Leave the module, clean up the panels as Slicer does at exit, remove the temporary folder."""
        self.app.aboutToQuit.emit()
        self.process_events()
        self.core.scene.Clear(True)
        if self.window is not None:
            self.window.close()
        shutil.rmtree(self.temporary_path, ignore_errors=True)

    def run(self) -> int:
        """Show the window until the person closes it."""
        return self.app.exec()
