"""Colour tables for activation maps: perceptually ordered, so that more evidence always looks like more.

All of them are readable without colour vision. Slicer has them; where it does not, a table of our own stands in.
"""

import slicer

#: (name, node ID) of Slicer's own colour tables, the default first.
CAM_COLOR_NODES = tuple(
    (name, f"vtkMRMLColorTableNodeFile{name}.txt") for name in ("Inferno", "Viridis", "Plasma", "Magma", "Cividis")
)
OWN_TABLE_NAME = "CAM colors"
#: Inferno at nine equal steps, in 0-255.
_STOPS = (
    (0, 0, 4),
    (31, 12, 72),
    (85, 15, 109),
    (136, 34, 106),
    (186, 54, 85),
    (227, 89, 51),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)


def availableColorNodes() -> list:
    """The colour nodes to choose from, the default first; never empty."""
    nodes = [slicer.mrmlScene.GetNodeByID(nodeId) for _name, nodeId in CAM_COLOR_NODES]
    return [node for node in nodes if node is not None] or [_ownTable()]


def colorNode():
    """The default colour node."""
    return availableColorNodes()[0]


def _ownTable():
    """A table of 256 colours, which saves with the scene; made once."""
    node = slicer.mrmlScene.GetFirstNode(OWN_TABLE_NAME, "vtkMRMLColorTableNode")
    if node is not None:
        return node
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", OWN_TABLE_NAME)
    node.SetTypeToUser()
    node.SetNumberOfColors(256)
    for value in range(256):
        place = value / 255 * (len(_STOPS) - 1)
        low = min(int(place), len(_STOPS) - 2)
        share = place - low
        color = [((1 - share) * a + share * b) / 255 for a, b in zip(_STOPS[low], _STOPS[low + 1])]
        node.SetColor(value, str(value), *color, 1.0)
    return node
