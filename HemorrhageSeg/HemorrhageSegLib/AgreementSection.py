"""The panel's "Agreement" part: the raters of the dataset compared, and one mask made of theirs."""

import qt
import slicer
from slicer.i18n import tr as _

from HemorrhageSegLib import AgreementScene, RaterSegments
from HemorrhageSegLib.DatasetJobs import AGREEMENT, CONSENSUS
from radiologycnn.annotation.training_masks import CONSENSUS as FROM_CONSENSUS
from radiologycnn.annotation.training_masks import TrainingChoice
from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib import SceneFigures
from RadiologyCNNLib.ChoiceSelector import ChoiceSelector
from RadiologyCNNLib.PanelTexts import linesHtml, messageHtml


class AgreementSection:
    """Compares raters, shows tables and figures, makes the consensus.

    Args:
        ui: the widgets of HemorrhageSegDataset.ui.
        jobs: DatasetJobs.
        worklist: WorklistSection, whose dataset is compared.
    """

    def __init__(self, ui, jobs, worklist) -> None:
        self.ui, self.jobs, self.worklist = ui, jobs, worklist
        self.tables = ChoiceSelector(ui.agreementTableSelector, self._showTable)
        self.figures = ChoiceSelector(ui.agreementFigureSelector, lambda value: None)
        self.methods = ChoiceSelector(ui.consensusMethodSelector, lambda value: self.update())
        self.methods.setChoices(
            [
                ("majority", _("Majority vote")),
                ("staple", _("STAPLE")),
                ("union", _("Union")),
                ("intersection", _("Intersection")),
            ]
        )
        self._tableNames = {}
        self._folder = None
        ui.agreementTable.verticalHeader().setVisible(False)
        ui.agreementTable.verticalHeader().setDefaultSectionSize(22)
        ui.agreementTable.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        ui.agreementCollapsibleButton.connect("contentsCollapsed(bool)", lambda _collapsed: self.update())
        ui.compareRatersButton.connect("clicked(bool)", self.onCompareButton)
        ui.showAgreementTableButton.connect("clicked(bool)", self.onShowTableButton)
        ui.showAgreementFigureButton.connect("clicked(bool)", self.onShowFigureButton)
        ui.consensusButton.connect("clicked(bool)", self.onConsensusButton)
        ui.consensusNetworkCheckBox.connect("toggled(bool)", lambda _checked: self.update())
        ui.latestMasksButton.connect("clicked(bool)", self.onLatestMasksButton)
        ui.showRatersCheckBox.connect("toggled(bool)", self.onShowRaters)
        jobs.listen(
            (AGREEMENT, CONSENSUS), started=lambda _kind: self.update(), progressed=self._onProgress,
            finished=self._onFinished, failed=self._onFailed, cancelled=self._onCancelled,
        )  # fmt: skip
        self._say("")
        self.update()

    @property
    def _store(self):
        return self.worklist.cases.store

    @property
    def choice(self) -> TrainingChoice:
        """The consensus that is chosen in the panel."""
        return TrainingChoice(FROM_CONSENSUS, self.methods.value, self.ui.consensusNetworkCheckBox.checked)

    def update(self) -> None:
        """Show what can be done with the list that is open."""
        ui, store = self.ui, self._store
        folder = store.folder if store is not None else None
        if folder != self._folder:  # another dataset: what is shown is not of it
            self._folder = folder
            self._say("")
            self._setTables([])
            self.figures.setChoices([])
        isOpen = store is not None
        for kind, button, text in (
            (AGREEMENT, ui.compareRatersButton, _("Compare the raters")),
            (CONSENSUS, ui.consensusButton, _("Make the consensus")),
        ):
            isRunning = self.jobs.isRunning(kind)
            button.text = _("Cancel") if isRunning else text
            button.enabled = isOpen
        ui.agreementFrame.visible = bool(self._tableNames)
        ui.showAgreementTableButton.enabled = SceneFigures.canShowTables()
        ui.showAgreementFigureButton.enabled = SceneFigures.canShowCharts() and self.figures.value is not None
        ui.agreementFigureSelector.enabled = self.figures.value is not None
        if not ui.agreementCollapsibleButton.collapsed:  # it reads all words
            self._showChoice()
        self.caseChanged()

    def _showChoice(self) -> None:
        """Say which masks training learns from."""
        store = self._store
        self.ui.latestMasksButton.visible = False
        if store is None:
            self.ui.trainingMasksLabel.text = _("Open a case list first.")
            return
        choice = store.training_choice()
        if choice.source != FROM_CONSENSUS:
            self.ui.trainingMasksLabel.text = _("Training learns from the latest accepted mask of each case.")
            return
        text = _("Training learns from the consensus: {method}.").format(method=choice.method)
        stale = store.stale_consensus()
        if stale:
            text += " " + _("{count} cases were decided anew since: make it again.").format(count=len(stale))
        self.ui.trainingMasksLabel.text = text
        self.ui.latestMasksButton.visible = True

    def _say(self, message, hint="") -> None:
        self.ui.agreementLabel.text = messageHtml(message, hint)
        self.ui.agreementLabel.visible = bool(message)

    # Comparison

    def onCompareButton(self, clicked=False) -> None:
        if self.jobs.isRunning(AGREEMENT):
            self.jobs.cancel(AGREEMENT)
        elif self._store is not None:
            self._say(_("Comparing…"))
            self.jobs.request(AGREEMENT, dataset=str(self._store.folder))

    def _onProgress(self, kind, fraction, stage, remaining) -> None:
        self.ui.agreementLabel.text = f"{stage} · {round(100 * fraction)} %"
        self.ui.agreementLabel.visible = True

    def _onFinished(self, kind, message) -> None:
        if kind == AGREEMENT:
            self._setTables(AgreementScene.updateTables(message))
            self.figures.setChoices([(node.GetID(), name) for name, node in AgreementScene.updateCharts(message)])
        else:
            name, node = AgreementScene.updateConsensusTable(message)
            kept = [(one, own) for own, one in self._tableNames.items() if own != node.GetID()]
            self._setTables([*((n, slicer.mrmlScene.GetNodeByID(i)) for n, i in kept), (name, node)])
            self.tables.select(node.GetID())
            self._showTable(node.GetID())
        notes = linesHtml(message["notes"])
        self.ui.agreementLabel.text = notes
        self.ui.agreementLabel.visible = bool(notes)
        self.update()

    def _onFailed(self, kind, error) -> None:
        self._say(error.message, error.hint)
        self.update()

    def _onCancelled(self, kind) -> None:
        self._say(_("Cancelled. Nothing was changed."))
        self.update()

    def _setTables(self, tables) -> None:
        tables = [(name, node) for name, node in tables if node is not None]
        self._tableNames = {node.GetID(): name for name, node in tables}
        self.tables.setChoices([(node.GetID(), name) for name, node in tables])
        self._showTable(self.tables.value)

    def _showTable(self, nodeId) -> None:
        self.ui.agreementTable.setMRMLTableNode(slicer.mrmlScene.GetNodeByID(nodeId) if nodeId else None)

    def onShowTableButton(self, clicked=False) -> None:
        node = slicer.mrmlScene.GetNodeByID(self.tables.value or "")
        if node is not None:
            SceneFigures.showTable(node)

    def onShowFigureButton(self, clicked=False) -> None:
        node = slicer.mrmlScene.GetNodeByID(self.figures.value or "")
        if node is not None:
            SceneFigures.showChart(node)

    def sceneClosed(self) -> None:
        """Tables and figures went with the scene."""
        self._setTables([])
        self.figures.setChoices([])
        self._say("")
        self.update()

    # Consensus

    def onConsensusButton(self, clicked=False) -> None:
        if self.jobs.isRunning(CONSENSUS):
            self.jobs.cancel(CONSENSUS)
        elif self._store is not None:
            choice = self.choice
            self._say(_("Making the consensus…"))
            self.jobs.request(
                CONSENSUS, dataset=str(self._store.folder), method=choice.method, with_network=choice.with_network,
                use_for_training=self.ui.trainOnConsensusCheckBox.checked,
            )  # fmt: skip

    def onLatestMasksButton(self, clicked=False) -> None:
        try:
            self._store.use_latest_masks()
        except RadiologyCNNError as error:
            self._say(error.message, error.hint)
        self.update()

    def caseChanged(self) -> None:
        """Another case, or none, is on the screen."""
        box, isDecided = self.ui.showRatersCheckBox, self.worklist.isCaseDecided
        box.enabled = isDecided
        box.toolTip = (
            _("Outline each rater's accepted mask and the consensus, where there is one, on the open case.")
            if isDecided
            else _("Of a case that you have decided: raters are to decide without seeing each other's masks.")
        )
        wanted = box.checked and isDecided
        result = self.worklist.cases.result  # of the open case, also while another scan is on the screen
        if box.checked != wanted:
            wasBlocked = box.blockSignals(True)
            box.checked = wanted
            box.blockSignals(wasBlocked)
        if not wanted and result is not None:
            RaterSegments.remove(result)

    def onShowRaters(self, checked) -> None:
        result, store, caseId = self.worklist.result, self._store, self.worklist.cases.caseId
        if result is None:
            return
        RaterSegments.remove(result)
        if not checked:
            return
        self.worklist.finishWriting()
        try:
            words = store.accepted().get(caseId, [])
            masks = {word.rater: store.read_mask(word) for word in words}
            record = store.consensus_of(caseId, self.choice)
            RaterSegments.show(result, masks, store.network_mask(record.mask) if record is not None else None)
        except (RadiologyCNNError, OSError) as error:
            self._say(str(error))
