"""ScenePlacement: a result's nodes in the scene: under the scan's transform, beside it in the hierarchy, and gone."""

import slicer


def followTransform(node, volumeNode) -> None:
    """Put a result node under the scan's own transform, where that is linear.

    Under a warp the engine got the warped scan, so that its result is already in the world.
    """
    transform = volumeNode.GetParentTransformNode()
    linear = transform is not None and transform.IsTransformToWorldLinear()
    node.SetAndObserveTransformNodeID(transform.GetID() if linear else None)


def placeBeside(node, volumeNode) -> None:
    """Same parent as the scan in the subject hierarchy: patient, study or folder."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    if hierarchy is None:
        return
    nodeItem, volumeItem = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(volumeNode)
    if nodeItem and volumeItem:
        hierarchy.SetItemParent(nodeItem, hierarchy.GetItemParent(volumeItem))


def removeWhole(node) -> None:
    """Remove a node with its display and storage nodes, which the scene alone would keep; None is nothing."""
    removeParts(reversed(withDisplaysAndStorages([node])))


def withDisplaysAndStorages(nodes) -> list:
    """Nodes, each behind its display and storage nodes, as they are to be removed; None among them is left out."""
    parts = []
    for node in nodes:
        if node is not None:
            count = node.GetNumberOfDisplayNodes() if node.IsA("vtkMRMLDisplayableNode") else 0
            parts += [node.GetNthDisplayNode(number) for number in range(count)]
            count = node.GetNumberOfStorageNodes() if node.IsA("vtkMRMLStorableNode") else 0
            parts += [*(node.GetNthStorageNode(number) for number in range(count)), node]
    return [part for part in parts if part is not None]


def removeParts(parts) -> None:
    """Take nodes out of the scene; some may be gone already."""
    for node in parts:
        if slicer.mrmlScene.IsNodePresent(node):
            slicer.mrmlScene.RemoveNode(node)


def addDisplay(volumeNode, window: float, level: float) -> None:
    """Give a volume its display with a fixed window: Slicer then need not look through all voxels for one."""
    display = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    display.UnRegister(None)  # CreateNodeByClass counts one reference too many for Python
    display.AutoWindowLevelOff()
    display.SetWindowLevel(window, level)
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    slicer.mrmlScene.AddNode(display)
    volumeNode.SetAndObserveDisplayNodeID(display.GetID())
