"""Stand-in for the node selector, which follows the nodes of the scene."""

import slicer
import vtk

from .stand_in import Property, QtWidgets, Signal, stand_in, stored


class SceneObserver:
    """Calls back after the scene's nodes changed; never while the scene closes or loads."""

    EVENTS = (
        slicer.vtkMRMLScene.NodeAddedEvent,
        slicer.vtkMRMLScene.NodeRemovedEvent,
        slicer.vtkMRMLScene.EndBatchProcessEvent,
        slicer.vtkMRMLScene.EndCloseEvent,
        slicer.vtkMRMLScene.EndImportEvent,
    )

    def __init__(self, callback):
        self.callback = callback
        self.scene = None
        self.tags = []

    def observe(self, scene) -> None:
        for tag in self.tags:
            self.scene.RemoveObserver(tag)
        self.scene = scene
        self.tags = [scene.AddObserver(event, self._changed) for event in self.EVENTS] if scene else []

    def _changed(self, caller, event):
        if not self.scene.IsBatchProcessing():
            self.callback()


def _relist(box):
    box._refresh()


class qMRMLSortFilterProxyModel:
    """Of it the filter by identifiers only, as a property, which it is in Slicer; the list keeps its own filters."""

    __slots__ = ("_box", "_hidden")

    def __init__(self, box):
        self._box, self._hidden = box, ()

    @property
    def hiddenNodeIDs(self):
        return self._hidden

    @hiddenNodeIDs.setter
    def hiddenNodeIDs(self, node_ids):
        if tuple(node_ids) != self._hidden:
            self._hidden = tuple(node_ids)
            self._box._refresh()


@stand_in
class qMRMLNodeComboBox(QtWidgets.QWidget):
    """Lists the scene's nodes of some classes. Empty until it is given the scene, as in Slicer."""

    _SIGNATURES = {
        "currentNodeChanged(vtkMRMLNode*)": "currentNodeChanged(PyObject)",
        "currentNodeChanged(bool)": "_currentNodeIsSet(bool)",
        "nodeActivated(vtkMRMLNode*)": "nodeActivated(PyObject)",
        "nodeAdded(vtkMRMLNode*)": "nodeAdded(PyObject)",
        "nodeAddedByUser(vtkMRMLNode*)": "nodeAddedByUser(PyObject)",
        "nodeAboutToBeRemoved(vtkMRMLNode*)": "nodeAboutToBeRemoved(PyObject)",
    }
    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeActivated = Signal(object)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    _currentNodeIsSet = Signal(bool)

    nodeTypes = stored("QStringList", [], _relist)
    hideChildNodeTypes = stored("QStringList", [], _relist)
    addEnabled = stored(bool, True, _relist)
    removeEnabled = stored(bool, True, _relist)
    renameEnabled = stored(bool, False, _relist)
    editEnabled = stored(bool, False, _relist)
    noneEnabled = stored(bool, False, _relist)
    noneDisplay = stored(str, "None", _relist)
    showHidden = stored(bool, False, _relist)
    showChildNodeTypes = stored(bool, True, _relist)
    selectNodeUponCreation = stored(bool, True)
    baseName = stored(str, "")

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QtWidgets.QComboBox()
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        self._combo.sizeAdjustPolicy = QtWidgets.QComboBox.AdjustToMinimumContentsLengthWithIcon
        self._combo.minimumContentsLength = 12
        layout.addWidget(self._combo)
        self.setFocusProxy(self._combo)
        self._observer = SceneObserver(self._follow)
        self._attributes = {}
        self._proxy = qMRMLSortFilterProxyModel(self)
        self._node_tags = []
        self._current = None
        self._filling = False
        self._combo.activated.connect(self._activated)

    def setMRMLScene(self, scene):
        self._observer.observe(scene)
        self._refresh()

    def mrmlScene(self):
        return self._observer.scene

    def sortFilterProxyModel(self):
        return self._proxy

    def _nodes(self):
        scene = self._observer.scene
        if scene is None:
            return []
        accepts = self._rule()
        classes = tuple(self.nodeTypes)
        if len(classes) == 1:  # the scene itself sorts out most of the others
            found = scene.GetNodesByClass(classes[0])
            found.UnRegister(scene)
            nodes = [found.GetItemAsObject(index) for index in range(found.GetNumberOfItems())]
        else:
            nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
        return [node for node in nodes if accepts(node)]

    def _rule(self):
        """Which nodes are listed, by the properties as they are now: reading one takes longer than to test a node."""
        classes, exact, children = tuple(self.nodeTypes), frozenset(self.nodeTypes), self.showChildNodeTypes
        showHidden, hiddenIds = self.showHidden, frozenset(self._proxy.hiddenNodeIDs)
        excluded, attributes = tuple(self.hideChildNodeTypes), dict(self._attributes)

        def accepts(node):
            if node.GetClassName() not in exact and not (children and any(node.IsA(name) for name in classes)):
                return False
            if node.GetID() in hiddenIds or (node.GetHideFromEditors() and not showHidden):
                return False
            if any(node.IsA(name) for name in excluded):
                return False
            for (class_name, name), value in attributes.items():
                if node.IsA(class_name):
                    found = node.GetAttribute(name)
                    if found is None or (value is not None and found != str(value)):
                        return False
            return True

        return accepts

    def _follow(self):
        """After a change of the scene: most are of nodes that are not listed here."""
        nodes = self._nodes()
        if nodes != [node for node, _tag in self._node_tags]:
            self._list(nodes)

    def _refresh(self):
        self._list(self._nodes())

    def _list(self, nodes):
        """List these nodes; a current node that is not among them gives way to none, or to the first without None."""
        for node, tag in self._node_tags:
            node.RemoveObserver(tag)
        self._node_tags = [(node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._renamed)) for node in nodes]
        current = self._current if self._current in nodes else None
        if current is None and nodes and not self.noneEnabled:
            current = nodes[0]
        self._fill(nodes, current)
        self._become(current)

    def _fill(self, nodes, current):
        self._filling = True
        self._combo.clear()
        if self.noneEnabled:
            self._combo.addItem(self.noneDisplay, None)
        for node in nodes:
            self._combo.addItem(node.GetName() or "", node.GetID())
        self._combo.currentIndex = self._combo.findData(current.GetID()) if current else (0 if self.noneEnabled else -1)
        actions = []
        if self.addEnabled and self.nodeTypes:
            actions.append(("Create new " + self._type_label(self.nodeTypes[0]), "add"))
        if self.renameEnabled and current:
            actions.append(("Rename current node...", "rename"))
        if self.removeEnabled and current:
            actions.append(("Delete current node", "remove"))
        if actions and self._observer.scene is not None:
            self._combo.insertSeparator(self._combo.count)
            for text, action in actions:
                self._combo.addItem(text, ("action", action))
        self._filling = False

    @staticmethod
    def _type_label(class_name):
        node = slicer.mrmlScene.CreateNodeByClass(class_name)
        if node is None:
            return class_name
        node.UnRegister(None)
        return node.GetTypeDisplayName() or node.GetNodeTagName()

    def _renamed(self, caller, event):
        index = self._combo.findData(caller.GetID())
        if index >= 0 and self._combo.itemText(index) != caller.GetName():
            self._combo.setItemText(index, caller.GetName() or "")

    def _become(self, node):
        if node is self._current:
            return
        self._current = node
        self.currentNodeChanged.emit(node)
        self._currentNodeIsSet.emit(node is not None)
        self.currentNodeIDChanged.emit(node.GetID() if node else "")

    def _activated(self, index):
        data = self._combo.itemData(index)
        if isinstance(data, (tuple, list)):
            self._combo.currentIndex = self._combo.findData(self._current.GetID() if self._current else None)
            {"add": self.addNode, "rename": self.renameCurrentNode, "remove": self.removeCurrentNode}[data[1]]()
            return
        node = self._observer.scene.GetNodeByID(data) if data else None
        self._become(node)
        self.nodeActivated.emit(node)

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        if isinstance(node, str):
            node = self._observer.scene.GetNodeByID(node) if self._observer.scene else None
        nodes = self._nodes()
        if node not in nodes:
            node = None
        if node is None and nodes and not self.noneEnabled and self._current in nodes:
            return
        self._fill(nodes, node)
        self._become(node)

    def setCurrentNodeID(self, node_id):
        self.setCurrentNode(node_id)

    def setCurrentNodeIndex(self, index):
        self.setCurrentNode(self.nodeFromIndex(index))

    def nodeCount(self):
        return len(self._nodes())

    def nodeFromIndex(self, index):
        nodes = self._nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    def addNode(self, class_name=None):
        name = class_name or self.nodeTypes[0]
        base = self.baseName or self._type_label(name)
        node = self._observer.scene.AddNewNodeByClass(name, self._observer.scene.GenerateUniqueName(base))
        self.nodeAdded.emit(node)
        self.nodeAddedByUser.emit(node)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        return node

    def removeCurrentNode(self):
        if self._current is not None:
            self.nodeAboutToBeRemoved.emit(self._current)
            self._observer.scene.RemoveNode(self._current)

    def renameCurrentNode(self):
        name, accepted = QtWidgets.QInputDialog.getText(self, "Rename", "New name:", text=self._current.GetName())
        if accepted and name:
            self._current.SetName(name)

    def addAttribute(self, class_name, name, value=None):
        self._attributes[class_name, name] = value
        self._refresh()

    def removeAttribute(self, class_name, name):
        self._attributes.pop((class_name, name), None)
        self._refresh()

    def _get_id(self):
        return self._current.GetID() if self._current else ""

    currentNodeID = Property(str, _get_id, setCurrentNodeID)
