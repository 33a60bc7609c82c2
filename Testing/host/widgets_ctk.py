"""Stand-ins for the plain CTK widgets: buttons, boxes, sliders, paths."""

from .stand_in import Property, QtCore, QtGui, QtWidgets, Signal, stand_in, stored

Qt = QtCore.Qt


@stand_in
class ctkCheckBox(QtWidgets.QCheckBox):
    pass


@stand_in
class ctkPushButton(QtWidgets.QPushButton):
    pass


@stand_in
class ctkMenuButton(QtWidgets.QPushButton):
    pass


@stand_in
class ctkCheckablePushButton(ctkPushButton):
    checkBoxToggled = Signal(bool)


@stand_in
class ctkComboBox(QtWidgets.QComboBox):
    defaultText = stored(str, "")
    forceDefault = stored(bool, False)


@stand_in
class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A header that is a button, and a frame of contents below it that can be folded away."""

    contentsCollapsed = Signal(bool)
    flat = stored(bool, False)

    def __init__(self, text="", parent=None):
        if not isinstance(text, str):
            text, parent = "", text
        super().__init__(parent)
        self.text = text
        self.checkable = True
        self._header_height = self.fontMetrics().height() + 12
        self.setContentsMargins(0, self._header_height, 0, 0)
        QtWidgets.QAbstractButton.setChecked(self, True)
        self._collapsed = False
        self._is_forcing = False
        self.toggled.connect(lambda checked: self._set_collapsed(not checked))
        self.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Minimum)

    def _get_collapsed(self):
        return self._collapsed

    def _set_collapsed(self, collapsed):
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self.checked = not collapsed
        self.maximumHeight = self._header_height if collapsed else 16777215
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                self._show_child(child)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)

    collapsed = Property(bool, _get_collapsed, _set_collapsed)

    def hitButton(self, position):
        return position.y() < self._header_height

    def _show_child(self, child):
        """As CTK: what was hidden on purpose, be it while the contents were folded away, stays hidden."""
        wish = child.property("visibilityToParent")
        is_wanted = wish is None or bool(wish)
        self._is_forcing = True
        child.visible = is_wanted and not self._collapsed
        if is_wanted:
            child.setAttribute(Qt.WA_WState_ExplicitShowHide, False)
        self._is_forcing = False

    def childEvent(self, event):
        if event.type() == QtCore.QEvent.ChildAdded and event.child().isWidgetType():
            event.child().installEventFilter(self)
        super().childEvent(event)

    def eventFilter(self, child, event):
        kinds = (QtCore.QEvent.ShowToParent, QtCore.QEvent.HideToParent)
        if event.type() in kinds and not self._is_forcing:
            child.setProperty("visibilityToParent", event.type() == kinds[0])
            self._show_child(child)
        return False

    def paintEvent(self, event):
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, self.width, self._header_height)
        option.state |= QtWidgets.QStyle.State_Raised
        painter = QtGui.QPainter(self)
        style = self.style()
        style.drawControl(QtWidgets.QStyle.CE_PushButtonBevel, option, painter, self)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(8, self._header_height // 2 - 5, 10, 10)
        direction = QtWidgets.QStyle.PE_IndicatorArrowRight
        style.drawPrimitive(
            direction if self._collapsed else QtWidgets.QStyle.PE_IndicatorArrowDown, arrow, painter, self
        )
        text = QtCore.QRect(26, 0, self.width - 30, self._header_height)
        style.drawItemText(
            painter,
            text,
            Qt.AlignLeft | Qt.AlignVCenter,
            self.palette,
            self.enabled,
            self.text,
            QtGui.QPalette.ButtonText,
        )
        painter.end()


@stand_in
class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.checkable = True
        self.checked = True
        self.toggled.connect(lambda checked: self._show_contents(checked))

    def _show_contents(self, visible):
        for child in self.children():
            if isinstance(child, QtWidgets.QWidget):
                child.visible = visible
        self.flat = not visible
        # closed, only the title's line is left
        self.maximumHeight = 16777215 if visible else self.fontMetrics().height() + 4

    collapsed = Property(bool, lambda self: not self.checked, lambda self, value: self.setChecked(not value))


@stand_in
class ctkPathLineEdit(QtWidgets.QWidget):
    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)
    label = stored(str, "")
    nameFilters = stored("QStringList", [])
    settingKey = stored(str, "")
    showHistoryButton = stored(bool, True)

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._combo = QtWidgets.QComboBox()
        self._combo.editable = True
        self._combo.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Fixed)
        self._browse = QtWidgets.QToolButton()
        self._browse.text = "..."
        layout.addWidget(self._combo)
        layout.addWidget(self._browse)
        self._combo.editTextChanged.connect(lambda text: self.currentPathChanged.emit(text))
        self._browse.clicked.connect(lambda: self.browse())

    def browse(self):
        path, _ = QtWidgets.QFileDialog.getOpenFileName(self, self.label, self.currentPath, ";;".join(self.nameFilters))
        if path:
            self.setCurrentPath(path)

    def setCurrentPath(self, path):
        self._combo.setEditText(path)

    def addCurrentPathToHistory(self):
        if self.currentPath and self._combo.findText(self.currentPath) < 0:
            self._combo.addItem(self.currentPath)

    def comboBox(self):
        return self._combo

    currentPath = Property(str, lambda self: self._combo.currentText, setCurrentPath)
    showBrowseButton = Property(
        bool, lambda self: not self._browse.isHidden(), lambda self, value: self._browse.setVisible(value)
    )


@stand_in
class ctkDirectoryButton(QtWidgets.QWidget):
    directoryChanged = Signal(str)
    directorySelected = Signal(str)
    caption = stored(str, "")
    text = stored(str, "")

    def __init__(self, *arguments):
        super().__init__(*[a for a in arguments if isinstance(a, QtWidgets.QWidget)])
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._button = QtWidgets.QPushButton()
        layout.addWidget(self._button)
        self._directory = "."
        self._button.clicked.connect(lambda: self.browse())

    def browse(self):
        folder = QtWidgets.QFileDialog.getExistingDirectory(self, self.caption, self._directory)
        if folder:
            self._set_directory(folder)
            self.directorySelected.emit(folder)

    def _set_directory(self, folder):
        if folder != self._directory:
            self._directory = folder
            self._button.text = folder
            self.directoryChanged.emit(folder)

    directory = Property(str, lambda self: self._directory, _set_directory)
