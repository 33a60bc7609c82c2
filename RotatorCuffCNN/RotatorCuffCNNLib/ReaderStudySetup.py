"""Before a reader study is read: its folder, who reads, and whether there is anything (left) to read."""

import html

import qt
import slicer
from slicer.i18n import tr as _

from radiologycnn.errors import RadiologyCNNError
from radiologycnn.readers.reading import Reading
from radiologycnn.readers.study import open_study
from RadiologyCNNLib.PanelTexts import messageHtml
from RadiologyCNNLib.RaterSetting import savedRater, saveRater


class ReaderStudySetup:
    """The widgets above and with the Start button.

    Args:
        ui: the study's widgets.
        changed: function (study or None, reader: str) that is called when another study or reader is chosen.
    """

    def __init__(self, ui, changed) -> None:
        self.ui = ui
        self.study = None
        self.first = None  # StudyCase that Start will show; None for none
        self._changed = changed
        self._problem = ""  # why the chosen folder is no study
        ui.readerEdit.text = savedRater()
        ui.studyFolderButton.connect("clicked(bool)", self.onFolderButton)
        ui.readerEdit.connect("textChanged(QString)", self.onReaderChanged)

    @property
    def reader(self) -> str:
        """Id of the reader, as typed."""
        return str(self.ui.readerEdit.text).strip()

    def onFolderButton(self, clicked=False) -> None:
        start = str(self.study.folder) if self.study else ""
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Choose the study's folder"), start)
        if folder:
            self.openStudy(str(folder))

    def openStudy(self, folder: str) -> None:
        """Choose a study; what is wrong with it is said in the panel."""
        self.study, self._problem = None, ""
        try:
            self.study = open_study(folder)
        except RadiologyCNNError as error:
            self._problem = messageHtml(error.message, error.hint)
        self.show()

    def closeStudy(self) -> None:
        """Choose none."""
        self.study, self._problem = None, ""
        self.show()

    def onReaderChanged(self, text="") -> None:
        self.show()

    def begin(self) -> Reading:
        """The reader's session, with the study as it lies in its folder now.

        Raises:
            RadiologyCNNError: the study or the reader's answers cannot be read.
        """
        self.study = open_study(self.study.folder)
        reading = Reading(self.study, self.reader)
        saveRater(reading.reader)
        return reading

    def show(self, message: str = "") -> None:
        """Say what is chosen and whether it can be read.

        Args:
            message: rich text that is said first.
        """
        ui, study = self.ui, self.study
        self.first = None
        ui.studyFolderButton.text = study.folder.name if study else _("Choose folder…")
        ui.startStudyButton.text = _("Start reading")
        ui.startStudyButton.enabled = False
        lines = [text for text in (message, self._problem) if text]
        if study is not None:
            title, count = html.escape(study.title), len(study.cases)
            lines.append(_("<b>{title}</b>: {count} cases.").format(title=title, count=count))
            lines.append(self._showReader(study) if self.reader else _("Type a reader id to start."))
        ui.studyLabel.text = "<br>".join(lines)
        ui.studyLabel.visible = bool(lines)
        self._changed(study, self.reader)

    def _showReader(self, study) -> str:
        """How far the reader has come, as rich text; the button says whether there is more."""
        try:
            reading = Reading(study, self.reader)
        except RadiologyCNNError as error:
            return messageHtml(error.message, error.hint)
        self.first = reading.case
        self.ui.startStudyButton.enabled = not reading.is_complete
        if reading.done and not reading.is_complete:
            self.ui.startStudyButton.text = _("Go on reading")
        name = html.escape(reading.reader)
        return _("{reader} has answered {done} of them.").format(reader=name, done=reading.done)
