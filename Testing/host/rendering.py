"""Draws MRML views offscreen with the real displayable managers; no Qt in here.

Each view renders into an offscreen window, and its picture is handed out as an array. So it works with a display and
without one, and no OpenGL widget is needed.
"""

import numpy
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SLICE_MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLScalarBarDisplayableManager",  # window and level by the mouse
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLVolumeRenderingDisplayableManager",
    "vtkMRMLColorLegendDisplayableManager",
)
# Slicer's light theme: pale blue from top to bottom
THREE_D_BACKGROUND = ((0.756863, 0.764706, 0.909804), (0.454902, 0.470588, 0.745098))
SLICE_COLORS = {"Red": (0.953, 0.290, 0.200), "Yellow": (0.929, 0.835, 0.298), "Green": (0.431, 0.690, 0.294)}
OTHER_COLOR = (0.55, 0.55, 0.55)


class Rendering:
    """An offscreen window with one renderer and its displayable managers."""

    def __init__(self):
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)  # with multisampling, software OpenGL drops translucent surfaces
        self.renderer = vtk.vtkRenderer()
        self.renderer.SetUseDepthPeeling(0)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())  # the MRML style below does all
        self.group = slicer.vtkMRMLDisplayableManagerGroup()

    def _add_managers(self, factory, names) -> None:
        for name in names:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self.group.SetRenderer(self.renderer)
        self.group.Initialize(factory, self.renderer)

    def _interact_by(self, style) -> None:
        """Let the managers handle the mouse, through Slicer's own interactor style of the view's kind."""
        self._style = style
        style.SetDisplayableManagers(self.group)
        style.SetInteractor(self.interactor)
        self.interactor.Initialize()

    def send_mouse_event(self, event: str, x: int, y: int, control: bool = False, shift: bool = False) -> None:
        """Hand an event to the managers: its VTK name without "Event", and pixels from the picture's top left."""
        width, height = self.window.GetSize()
        self.interactor.UpdateSize(width, height)
        self.interactor.SetEventInformation(x, height - 1 - y, int(control), int(shift), "\0", 0, None)
        getattr(self.interactor, event + "Event")()

    def render(self, width: int, height: int) -> numpy.ndarray:
        """Render and return the picture, (height, width, 3) uint8, first row on top."""
        self.resize(width, height)
        self.window.Render()
        pixels = vtk.vtkUnsignedCharArray()
        self.window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)
        image = vtk_to_numpy(pixels).reshape(height, width, 4)[::-1, :, :3]
        return numpy.ascontiguousarray(image)

    def resize(self, width: int, height: int) -> None:
        """Make the window as large as the picture is going to be, without drawing it."""
        if self.window.GetSize() != (width, height):
            self.window.SetSize(width, height)
            self.on_resize(width, height)

    def on_resize(self, width: int, height: int) -> None:
        """Tell the MRML node the new size in pixels."""


class SliceRendering(Rendering):
    """A slice view: its logic makes the image, the managers add segmentations, models and markups."""

    def __init__(self, core, name: str, orientation: str):
        super().__init__()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(core.application_logic)
        core.application_logic.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(core.scene)
        self.logic.AddSliceNode(name)
        self.node = self.logic.GetSliceNode()
        self.node.SetLayoutLabel(name[0])
        self.node.SetLayoutColor(*SLICE_COLORS.get(name, OTHER_COLOR))
        self.node.SetOrientation(orientation)
        self.node.SetMappedInLayout(1)
        self.mapper = vtk.vtkImageMapper()
        self.mapper.SetColorWindow(255)
        self.mapper.SetColorLevel(127.5)
        self.actor = vtk.vtkActor2D()
        self.actor.SetMapper(self.mapper)
        self.actor.GetProperty().SetDisplayLocationToBackground()
        # before the managers, or the segmentation's fill would be drawn first and be hidden by the image
        self.renderer.AddViewProp(self.actor)
        # the handles of markups are drawn for such a camera, whose picture is two units high
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        self._add_managers(core.slice_factory, SLICE_MANAGERS)
        self.group.SetMRMLDisplayableNode(self.node)
        style = slicer.vtkMRMLSliceViewInteractorStyle()
        style.SetSliceLogic(self.logic)
        self._interact_by(style)

    def on_resize(self, width, height):
        self.logic.ResizeSliceNode(width, height)

    def render(self, width, height):
        connection = self.logic.GetImageDataConnection()
        self.actor.SetVisibility(connection is not None)
        if connection is not None:
            self.mapper.SetInputConnection(connection)
        return super().render(width, height)

    def edge_letters(self) -> tuple[str, str, str, str]:
        """Letters of the anatomical direction at the picture's left, right, bottom and top edge."""
        matrix = self.node.GetSliceToRAS()
        letters = []
        for column in (0, 1):
            direction = [matrix.GetElement(row, column) for row in range(3)]
            axis = int(numpy.argmax(numpy.abs(direction)))
            positive, negative = ("RL", "AP", "SI")[axis]
            letters += [negative, positive] if direction[axis] > 0 else [positive, negative]
        return tuple(letters)

    def offset_letter(self, offset: float) -> str:
        """Letter of the side of the origin on which the slice lies."""
        matrix = self.node.GetSliceToRAS()
        direction = [matrix.GetElement(row, 2) * (1 if offset >= 0 else -1) for row in range(3)]
        axis = int(numpy.argmax(numpy.abs(direction)))
        return ("RL", "AP", "SI")[axis][0 if direction[axis] > 0 else 1]


class ThreeDRendering(Rendering):
    """The 3D view: surfaces, markups, volume rendering."""

    def __init__(self, core, name: str = "1"):
        super().__init__()
        self.renderer.GradientBackgroundOn()
        self.renderer.SetBackground(*THREE_D_BACKGROUND[0])
        self.renderer.SetBackground2(*THREE_D_BACKGROUND[1])
        self.logic = slicer.vtkMRMLViewLogic()
        self.logic.SetMRMLApplicationLogic(core.application_logic)
        core.application_logic.GetViewLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(core.scene)
        # without the box and its letters, also after the scene was closed
        usual = slicer.vtkMRMLViewNode()
        usual.SetBoxVisible(False)
        usual.SetAxisLabelsVisible(False)
        core.scene.AddDefaultNode(usual)
        self.node = self.logic.AddViewNode(name)
        self.node.SetMappedInLayout(1)
        self._add_managers(core.three_d_factory, THREE_D_MANAGERS)
        self.group.SetMRMLDisplayableNode(self.node)
        self._interact_by(slicer.vtkMRMLThreeDViewInteractorStyle())

    def camera_node(self):
        """The scene's camera node of this view."""
        manager = self.group.GetDisplayableManagerByClassName("vtkMRMLCameraDisplayableManager")
        return manager.GetCameraNode()

    def reset_focal_point(self) -> None:
        """Turn the camera to the middle of what is visible, box and labels left out; its position stays."""
        node = self.node
        shown = node.GetBoxVisible(), node.GetAxisLabelsVisible()
        node.SetBoxVisible(False)
        node.SetAxisLabelsVisible(False)
        bounds = [0.0] * 6
        self.renderer.ComputeVisiblePropBounds(bounds)
        camera = self.renderer.GetActiveCamera()
        camera.SetFocalPoint(*((bounds[axis] + bounds[axis + 1]) / 2 for axis in (0, 2, 4)))
        camera.ComputeViewPlaneNormal()
        camera.OrthogonalizeViewUp()
        node.SetBoxVisible(shown[0])
        node.SetAxisLabelsVisible(shown[1])
        node.InvokeEvent(slicer.vtkMRMLViewNode.ResetFocalPointRequestedEvent)
        self.renderer.ResetCameraClippingRange()
        self.renderer.UpdateLightsGeometryToFollowCamera()
