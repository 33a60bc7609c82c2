"""Keeps the subject hierarchy's items, as a Qt plugin of Slicer desktop does: one item for each node of data.

The core makes the subject hierarchy node but no items in it. The node must not be asked for while the scene closes:
that would make a second, broken one.
"""

import slicer
import vtk

SHOWN = (
    "vtkMRMLVolumeNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLModelNode",
    "vtkMRMLMarkupsNode",
    "vtkMRMLTransformNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLSequenceNode",
)


class SubjectHierarchyItems:
    def __init__(self, scene):
        self.scene = scene
        scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, self._node_added)
        scene.AddObserver(slicer.vtkMRMLScene.NodeAboutToBeRemovedEvent, self._node_about_to_be_removed)
        scene.AddObserver(slicer.vtkMRMLScene.EndImportEvent, self._imported, 100.0)

    @staticmethod
    def _belongs(node) -> bool:
        return not node.GetHideFromEditors() and any(node.IsA(name) for name in SHOWN)

    def _create(self, node) -> None:
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        if hierarchy is not None and not hierarchy.GetItemByDataNode(node):
            hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_added(self, caller, event, node):
        if self.scene.IsImporting() or self.scene.IsClosing():
            return
        if self._belongs(node):
            self._create(node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _node_about_to_be_removed(self, caller, event, node):
        if self.scene.IsImporting() or self.scene.IsClosing() or not self._belongs(node):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        item = hierarchy.GetItemByDataNode(node) if hierarchy is not None else 0
        if item:
            hierarchy.RemoveItem(item, False, False)

    def _imported(self, caller, event):
        if self.scene.GetNumberOfNodesByClass("vtkMRMLSubjectHierarchyNode") > 1:
            slicer.vtkMRMLSubjectHierarchyNode.ResolveSubjectHierarchy(self.scene)
        for index in range(self.scene.GetNumberOfNodes()):
            node = self.scene.GetNthNode(index)
            if node is not None and self._belongs(node):
                self._create(node)
