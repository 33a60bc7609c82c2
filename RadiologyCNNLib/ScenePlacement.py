"""ScenePlacement: where a result's nodes belong: under the scan's transform, and beside it in the subject hierarchy."""

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
