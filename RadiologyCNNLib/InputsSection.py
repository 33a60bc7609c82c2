"""InputsSection: a panel's model and device choices: lists, card and banner."""

from slicer.i18n import tr as _

from RadiologyCNNLib.ModelSelector import bannerText, cardHtml, modelChoices

AUTOMATIC_DEVICE = "auto"


class InputsSection:
    """Fills the model and device lists and knows what is chosen in them."""

    def __init__(self, ui, task: str) -> None:
        self.ui = ui
        self.task = task
        self._choices = []
        self._problem = ""
        # here, because the .ui sets it before there is anything to hide
        ui.modelCollapsibleButton.collapsed = ui.modelCardGroupBox.collapsed = True
        self.showDevices([])

    # Models

    def refreshModels(self, wanted: str) -> None:
        """List the installed models anew and choose one; the first usable one where ``wanted`` is not there."""
        self._choices = modelChoices(self.task)
        selector = self.ui.modelSelector
        wasBlocked = selector.blockSignals(True)
        selector.clear()
        for choice in self._choices:
            selector.addItem(choice.title)
        if not self._choices:
            selector.addItem(_("No model is installed"))
        selector.blockSignals(wasBlocked)
        self.selectModel(wanted)

    def selectModel(self, wanted: str) -> None:
        """Choose a model by its identifier and show its card and banner."""
        usable = [number for number, choice in enumerate(self._choices) if not choice.problem]
        index = next((n for n, choice in enumerate(self._choices) if choice.id == wanted), (usable or [0])[0])
        selector = self.ui.modelSelector
        wasBlocked = selector.blockSignals(True)
        selector.setCurrentIndex(index)
        selector.blockSignals(wasBlocked)
        self.showCard()

    def showCard(self) -> None:
        """Card and banner of the chosen model."""
        choice = self.currentModel
        ui = self.ui
        ui.modelSelector.toolTip = _("The network's weights, with all that belongs to them: {model}").format(
            model=choice.title if choice else _("none")
        )
        banner = bannerText(choice.package) if choice else ""
        ui.demonstrationBanner.text = banner
        ui.demonstrationBanner.visible = bool(banner)
        ui.modelCardLabel.text = cardHtml(choice.package) if choice else _("Install a model with “From file…”.")

    @property
    def currentModel(self):
        """The chosen ModelChoice, or None where no model is installed."""
        index = self.ui.modelSelector.currentIndex
        return self._choices[index] if 0 <= index < len(self._choices) else None

    @property
    def modelId(self) -> str:
        return self.currentModel.id if self.currentModel else ""

    @property
    def modelProblem(self) -> str:
        """Why nothing can be started with what is chosen; "" where it can."""
        choice = self.currentModel
        if choice is None:
            return _("No model is installed. Install one with “From file…”.")
        return str(choice.problem)

    def unfoldForProblem(self) -> None:
        """Where no model can be used, unfold what to choose one with: once, not against the person's own choice."""
        problem = self.modelProblem
        if problem and problem != self._problem:
            self.ui.modelCollapsibleButton.collapsed = False
        self._problem = problem

    # Devices

    def showDevices(self, devices: list) -> None:
        """List the worker's devices by name, after "Automatic"."""
        selector = self.ui.deviceSelector
        chosen = self.deviceId
        wasBlocked = selector.blockSignals(True)
        selector.clear()
        best = devices[0]["name"] if devices else ""
        automatic = _("Automatic ({device})").format(device=best) if best else _("Automatic")
        selector.addItem(automatic, AUTOMATIC_DEVICE)
        for device in devices:
            selector.addItem(device["name"], device["id"])
        selector.blockSignals(wasBlocked)
        self.selectDevice(chosen)

    def selectDevice(self, deviceId: str) -> None:
        """Choose a device; "Automatic" where this computer does not have it."""
        selector = self.ui.deviceSelector
        wasBlocked = selector.blockSignals(True)
        selector.setCurrentIndex(max(selector.findData(deviceId), 0))
        selector.blockSignals(wasBlocked)

    @property
    def deviceId(self) -> str:
        selector = self.ui.deviceSelector
        return str(selector.itemData(selector.currentIndex) or AUTOMATIC_DEVICE) if selector.count else AUTOMATIC_DEVICE
