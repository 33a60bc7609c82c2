"""Stand-in for the layout manager: four-up or one view; slice views, usually three, and one 3D view."""

import slicer
import vtk

from .stand_in import Property, QtCore, QtWidgets, Signal, stand_in
from .view_widgets import qMRMLSliceWidget, qMRMLThreeDWidget

_node = slicer.vtkMRMLLayoutNode
ONLY = {
    _node.SlicerLayoutOneUpRedSliceView: "Red",
    _node.SlicerLayoutOneUpYellowSliceView: "Yellow",
    _node.SlicerLayoutOneUpGreenSliceView: "Green",
    _node.SlicerLayoutOneUp3DView: "3D",
}


@stand_in
class qSlicerLayoutManager(QtCore.QObject):
    layoutChanged = Signal(int)

    def __init__(self, core, viewport, orientations):
        super().__init__(viewport)
        self._core = core
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._viewport = viewport
        self._grid = QtWidgets.QGridLayout(viewport)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._slices = {name: qMRMLSliceWidget(core, name, one) for name, one in orientations.items()}
        self._three_d = qMRMLThreeDWidget(core)
        self._layout_node = core.scene.AddNewNodeByClass("vtkMRMLLayoutNode")
        self._layout_node.SetSingletonTag("vtkMRMLLayoutNode")
        self._layout = 0
        self.setLayout(_node.SlicerLayoutFourUpView)

    def setLayout(self, layout):
        if layout == self._layout:
            return
        self._layout = layout
        if not self._layout_node.IsLayoutDescription(layout):
            self._layout_node.AddLayoutDescription(layout, "<layout/>")  # the views are laid out here, not by the node
        self._layout_node.SetViewArrangement(layout)
        shown = ONLY.get(layout)
        first = [name for name in ("Red", "Green", "Yellow") if name in self._slices]  # as in Slicer's four-up
        names = [*first, *(name for name in self._slices if name not in first)]
        places = {"3D": (0, 1), **{name: ((0, 0), (1, 0), (1, 1))[n % 3] for n, name in enumerate(names)}}
        for name, widget in {**self._slices, "3D": self._three_d}.items():
            self._grid.removeWidget(widget)
            self._grid.addWidget(widget, *(places[name] if shown is None else (0, 0)))
            widget.visible = shown in (None, name)
            node = self._three_d.mrmlViewNode() if name == "3D" else widget.mrmlSliceNode()
            node.SetMappedInLayout(shown in (None, name))
        for index in (0, 1):
            self._grid.setRowStretch(index, 1 if shown is None or index == 0 else 0)
            self._grid.setColumnStretch(index, 1 if shown is None or index == 0 else 0)
        self.layoutChanged.emit(layout)

    def sliceViewNames(self):
        return tuple(self._slices)

    def sliceWidget(self, name):
        return self._slices.get(name)

    def threeDWidget(self, index):
        return self._three_d if index in (0, self._three_d.mrmlViewNode().GetName()) else None

    def mrmlSliceLogics(self):
        return self._core.application_logic.GetSliceLogics()

    def mrmlViewLogics(self):
        return self._core.application_logic.GetViewLogics()

    def mrmlScene(self):
        return self._core.scene

    def activeMRMLThreeDViewNode(self):
        return self._three_d.mrmlViewNode()

    def viewport(self):
        return self._viewport

    def layoutLogic(self):
        return self._logic

    def resetThreeDViews(self):
        self._three_d.threeDView().resetFocalPoint()

    def resetSliceViews(self):
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def pauseRender(self):
        for view in self._views():
            view.pauseRender()

    def resumeRender(self):
        for view in self._views():
            view.resumeRender()

    def setRenderPaused(self, paused):
        self.pauseRender() if paused else self.resumeRender()

    def _views(self):
        return [*(widget.sliceView() for widget in self._slices.values()), self._three_d.threeDView()]

    layout = Property(int, lambda self: self._layout, setLayout)
    threeDViewCount = Property(int, lambda self: 1)
    tableViewCount = Property(int, lambda self: 0)
    plotViewCount = Property(int, lambda self: 0)


def fit_slices_when_background_changes(manager: qSlicerLayoutManager) -> None:
    """Slicer's selection of an active volume shows it whole; a fresh view would show a corner of it."""
    for name in manager.sliceViewNames():
        widget = manager.sliceWidget(name)
        shown = {}

        def changed(composite, event, widget=widget, shown=shown):
            volume = composite.GetBackgroundVolumeID()
            if volume != shown.get("id"):
                shown["id"] = volume
                if volume:
                    widget.sliceView()._take_size()
                    widget.fitSliceToBackground()

        widget.mrmlSliceCompositeNode().AddObserver(vtk.vtkCommand.ModifiedEvent, changed)
