"""The panel's reader study: read case by case against the clock, pause, go on another day.

While a study is read the rest of the panel is hidden, and the views show the case alone. The next case is read by the
worker meanwhile, so that an answer does not make the reader wait for it; what is not there in time the panel reads.
"""

import qt
import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import RadiologyCNNError
from radiologycnn.readers.marks import BOX, POINT
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES
from RadiologyCNNLib.DelayedCall import delayedCall
from RadiologyCNNLib.PanelTexts import messageHtml, scaledFont
from RadiologyCNNLib.ReadAhead import ReadAhead
from RadiologyCNNLib.WorkClock import clockText
from RotatorCuffCNNLib.ReaderStudyKeys import ReaderStudyKeys
from RotatorCuffCNNLib.ReaderStudyResults import ReaderStudyResults
from RotatorCuffCNNLib.ReaderStudyScene import ReaderStudyScene
from RotatorCuffCNNLib.ReaderStudySetup import ReaderStudySetup

TICK_MILLISECONDS = 250
TICKS_PER_SAVE = 20
READ_AHEAD_MILLISECONDS = 300  # after a case is on the screen, or the last key of a reader's id


class ReaderStudySection:
    """Brings the reader's session, the scene and the study's widgets in line.

    Args:
        panelUi: the panel's widgets; the study's go into its readerStudyCollapsibleButton.
        panelLayout: the panel's outermost layout, which gets what is shown during a study.
        uiPath: of the study's .ui file.
        logic: RotatorCuffCNNLogic.
        ended: function () that is called when the panel's other sections are to be seen again.
    """

    def __init__(self, panelUi, panelLayout, uiPath: str, logic, ended) -> None:
        self._ended = ended
        self._otherSections = panelUi.readerStudyCollapsibleButton.parent()
        studyWidget = slicer.util.loadUI(uiPath)
        panelUi.readerStudyCollapsibleButton.layout().addWidget(studyWidget)
        panelUi.readerStudyCollapsibleButton.collapsed = True
        self.ui = ui = slicer.util.childWidgetVariables(studyWidget)
        studyWidget.setMRMLScene(slicer.mrmlScene)
        panelLayout.addWidget(ui.readingFrame)
        ui.readingFrame.visible = False
        self.scene = ReaderStudyScene()
        self.results = ReaderStudyResults(ui, logic)
        self.nextCase = ReadAhead(logic)
        self._readAheadTimer = delayedCall(READ_AHEAD_MILLISECONDS, self._readAhead)
        self.setup = ReaderStudySetup(ui, self._onChosen)
        self.reading = None
        self._logic = logic
        self._ticks = 0
        self._timer = qt.QTimer()
        self._timer.interval = TICK_MILLISECONDS
        self._timer.connect("timeout()", self.onTick)
        self.answerButtons = [getattr(ui, f"answerButton{one.index}") for one in TEAR_CLASSES]
        self._keys = ReaderStudyKeys(slicer.util.mainWindow() or ui.readingFrame, self.answer, len(self.answerButtons))
        self._prepareWidgets()
        self._connect()
        self.setup.show()

    def _prepareWidgets(self) -> None:
        ui = self.ui
        ui.clockLabel.setFont(scaledFont(ui.clockLabel.font, 1.5))
        ui.caseLabel.setFont(scaledFont(ui.caseLabel.font, 1.5))
        for one, button in zip(TEAR_CLASSES, self.answerButtons):
            button.text = f"{one.index + 1}   {one.name}\n{one.definition}"
            button.setFont(scaledFont(button.font, 1.1, isBold=False))

    def _connect(self) -> None:
        ui = self.ui
        ui.readerEdit.connect("returnPressed()", self.onStartButton)
        ui.startStudyButton.connect("clicked(bool)", self.onStartButton)
        ui.pauseButton.connect("clicked(bool)", self.onPauseButton)
        ui.endStudyButton.connect("clicked(bool)", self.onEndButton)
        ui.backButton.connect("clicked(bool)", self.onBackButton)
        ui.markBoxButton.connect("clicked(bool)", self.onMarkBoxButton)
        ui.markPointButton.connect("clicked(bool)", self.onMarkPointButton)
        ui.removeMarkButton.connect("clicked(bool)", self.onRemoveMarkButton)
        for number, button in enumerate(self.answerButtons):
            button.connect("clicked(bool)", self._answerer(number))

    def _answerer(self, number):
        return lambda: self.answer(number)

    def cleanup(self) -> None:
        """The panel goes away."""
        self._ended = lambda: None
        self.end()
        self._timer.stop()
        self._readAheadTimer.stop()
        self.nextCase.drop()
        self._keys.remove()

    def _onChosen(self, study, reader: str) -> None:
        self.results.setStudy(study, reader)
        self._readAheadTimer.start()

    def _readAhead(self) -> None:
        """Have the case read that Start, or the next answer, will show."""
        case = self.reading.following if self.isReading else self.setup.first
        if case is not None:
            self.nextCase.read(case.name, case.path)

    @property
    def isReading(self) -> bool:
        """Whether a study is being read, be it paused."""
        return self.reading is not None

    def onStartButton(self, clicked=False) -> None:
        if not self.ui.startStudyButton.enabled or self.isReading:
            return
        if self._logic.isRunning:  # its result would come into the reader's views
            self.setup.show(messageHtml(_("A classification is running."), _("Wait for it, or cancel it.")))
            return
        self._logic.stopLocating()
        try:
            self.reading = self.setup.begin()
        except RadiologyCNNError as error:
            self.setup.show(messageHtml(error.message, error.hint))
            return
        ui, reading = self.ui, self.reading
        title = _("{title} · reader {reader}").format(title=reading.study.title, reader=reading.reader)
        ui.readingTitleLabel.text = title
        ui.readingProgressBar.maximum = reading.total
        ui.backButton.visible = reading.study.settings.allow_back
        ui.markFrame.visible = reading.study.settings.allow_marks
        self._otherSections.visible = False
        ui.readingFrame.visible = True
        self._say("")
        self.scene.begin()
        self._showCase()
        self._timer.start()

    def _showCase(self) -> None:
        """Show the present case and start its clock; one that cannot be loaded is left out."""
        reading = self.reading
        while not reading.is_complete:
            try:
                scan = self.nextCase.take(reading.case.name)
                self.scene.showCase(reading.study, reading.case, reading.number, scan)
            except RadiologyCNNError as error:
                reading.skip()
                self._say(error.message, error.hint)
                continue
            if reading.earlier is not None and reading.earlier.mark is not None:
                self.scene.showMark(reading.earlier.mark)
            reading.show()
            self._update()
            self._readAheadTimer.start()
            return
        self.end()

    def answer(self, tearClass: int) -> None:
        """The reader's answer: it is on the disk before the next case is shown."""
        reading = self.reading
        if reading is None or not reading.is_running:
            return
        try:
            written = reading.answer(tearClass, self.scene.mark())
        except RadiologyCNNError as error:
            self._say(error.message, error.hint)
            return
        if written is not None:
            self._say("")
            self._showCase()

    def onPauseButton(self, clicked=False) -> None:
        if self.reading is not None and self.reading.is_running:
            self.pause()
        elif self.reading is not None:
            self.resume()

    def pause(self) -> None:
        """Stop the clock and hide the images; also where another module is shown."""
        if self.reading is None or not self.reading.is_running:
            return
        self.reading.pause()
        self.scene.setCovered(True)
        self._update()

    def resume(self) -> None:
        """Show the images again and let the clock go on."""
        if self.scene.volumeNode is None or not slicer.mrmlScene.IsNodePresent(self.scene.volumeNode):
            self.scene.volumeNode = None
            self.scene.begin()
            try:
                self.scene.showCase(self.reading.study, self.reading.case, self.reading.number)
            except RadiologyCNNError as error:
                self._say(error.message, error.hint)
                return
        self.scene.setCovered(False)
        self.reading.resume()
        self._update()

    def onBackButton(self, clicked=False) -> None:
        if self.reading is not None and self.reading.can_go_back and self.reading.is_running:
            self.reading.go_back()
            self._showCase()

    def onEndButton(self, clicked=False) -> None:
        self.end()

    def end(self) -> None:
        """Leave the study, finished or not; what was in the panel and the views comes back."""
        reading, self.reading = self.reading, None
        if reading is None:
            return
        self._timer.stop()
        reading.leave()
        self.scene.end()
        self._keys.enable(False)
        self.ui.readingFrame.visible = False
        self._otherSections.visible = True
        message = ""
        if reading.is_complete:
            text = _("All cases are answered. Thank you.")
            if reading.skipped:
                text = _("All cases that could be loaded are answered; {count} could not.")
            message = messageHtml(text.format(count=len(reading.skipped)))
        self.setup.show(message)
        self._ended()

    def sceneClosing(self) -> None:
        """The scene goes, and the case with it: pause; resuming loads the case again."""
        if self.reading is not None:
            self.reading.pause()
            self._update()
        self.scene.sceneClosed()
        self.results.sceneClosed()

    def sceneLoaded(self) -> None:
        """Another scene has put its own images into the views: pause; resuming shows the case alone again."""
        if self.reading is not None:
            self.reading.pause()
            self.scene.sceneLoaded()
            self._update()

    # The mark

    def onMarkBoxButton(self, clicked=False) -> None:
        self._mark(BOX)

    def onMarkPointButton(self, clicked=False) -> None:
        self._mark(POINT)

    def _mark(self, kind) -> None:
        if self.reading is not None and self.reading.is_running:
            self.scene.addMark(kind)
            self._update()

    def onRemoveMarkButton(self, clicked=False) -> None:
        self.scene.removeMark()
        self._update()

    # Widgets

    def onTick(self) -> None:
        """The clock goes on; now and then it is kept, in case the program ends."""
        if self.reading is None or not self.reading.is_running:
            return
        self._showClock()
        self._ticks += 1
        if self._ticks % TICKS_PER_SAVE == 0:
            self.reading.save_state()

    def _showClock(self) -> None:
        text = clockText(self.reading.seconds)
        self.ui.clockLabel.text = text if self.reading.is_running else _("{time} · paused").format(time=text)

    def _update(self) -> None:
        ui, reading = self.ui, self.reading
        isRunning = reading.is_running
        ui.caseLabel.text = _("Case {number} of {total}").format(number=reading.number, total=reading.total)
        ui.readingProgressBar.value = reading.done
        earlier = reading.earlier
        for number, button in enumerate(self.answerButtons):
            button.enabled = isRunning
            font = button.font
            font.setBold(earlier is not None and earlier.tear_class == number)
            button.setFont(font)
        for button in (ui.markBoxButton, ui.markPointButton):
            button.enabled = isRunning
        ui.removeMarkButton.enabled = isRunning and self.scene.markNode is not None
        ui.backButton.enabled = isRunning and reading.can_go_back
        ui.pauseButton.text = _("Pause") if isRunning else _("Resume")
        ui.pauseButton.toolTip = (
            _("Stop the clock and hide the images.") if isRunning else _("Show the images; the clock goes on.")
        )
        self._keys.enable(isRunning)
        self._showClock()

    def _say(self, message, hint="") -> None:
        self.ui.readingMessageLabel.text = messageHtml(message, hint)
        self.ui.readingMessageLabel.visible = bool(message)
