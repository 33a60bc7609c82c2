"""CaseTable: a list of cases in a QTableWidget: filled, filtered by state, sorted by any column."""

from dataclasses import dataclass

import qt
from slicer.i18n import tr as _

from radiologycnn.annotation.records import ACCEPTED, FLAGGED, IN_PROGRESS, REJECTED, TO_DO
from RadiologyCNNLib.WorkClock import clockText

_ID_ROLE = qt.Qt.UserRole
_CASE, _STATE, _VOLUME, _TIME, _COMMENT = range(5)
#: States in which there is something left to do.
OPEN_STATES = (TO_DO, IN_PROGRESS)


@dataclass(frozen=True)
class CaseRow:
    """What the table says of a case.

    scan: which file it is; only this person's own screen shows it.
    volumeMl: None where nothing is known yet.
    """

    id: str
    state: str
    scan: str = ""
    volumeMl: float | None = None
    seconds: float = 0.0
    comment: str = ""


def stateText(state: str) -> str:
    """A state in words, with a sign in front that needs no colour."""
    return {
        TO_DO: _("○ To do"),
        IN_PROGRESS: _("◐ In progress"),
        ACCEPTED: _("✓ Accepted"),
        FLAGGED: _("⚑ Flagged"),
        REJECTED: _("✗ Rejected"),
    }[state]


class CaseTable:
    """Shows CaseRows.

    Args:
        table: QTableWidget.
        filterSelector: QComboBox, filled here.
    """

    def __init__(self, table, filterSelector) -> None:
        self._table, self._filter = table, filterSelector
        table.setColumnCount(5)
        table.setHorizontalHeaderLabels([_("Case"), _("State"), _("mL"), _("Time"), _("Comment")])
        table.verticalHeader().setVisible(False)
        table.horizontalHeader().setStretchLastSection(True)
        table.setSortingEnabled(True)
        table.sortItems(_CASE)
        choices = [(_("All"), ""), (_("Not decided"), "open")]
        choices += [(stateText(s), s) for s in (TO_DO, IN_PROGRESS, ACCEPTED, FLAGGED, REJECTED)]
        for text, state in choices:
            filterSelector.addItem(text, state)
        filterSelector.connect("currentIndexChanged(int)", self._applyFilter)

    def show(self, rows) -> None:
        """Replace what is shown; order, filter and place stay."""
        table, chosen = self._table, self.selectedId
        wasBlocked = table.blockSignals(True)
        table.setSortingEnabled(False)
        table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self._fill(number, row)
        table.setSortingEnabled(True)
        for column in (_CASE, _STATE, _VOLUME, _TIME):
            table.resizeColumnToContents(column)
        table.blockSignals(wasBlocked)
        self._applyFilter()
        self.select(chosen)

    def _fill(self, number, row) -> None:
        cells = {
            _CASE: row.id,
            _STATE: stateText(row.state),
            _VOLUME: round(row.volumeMl, 1) if row.volumeMl is not None else None,
            _TIME: clockText(row.seconds) if row.seconds else "",
            _COMMENT: row.comment,
        }
        for column, value in cells.items():
            item = qt.QTableWidgetItem()
            if value is not None:
                item.setData(qt.Qt.DisplayRole, value)  # a number sorts as a number
            if column in (_VOLUME, _TIME):
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            item.setToolTip(row.scan if column == _CASE else row.comment)
            item.setData(_ID_ROLE, row.id)
            item.setData(_ID_ROLE + 1, row.state)
            self._table.setItem(number, column, item)

    def _applyFilter(self, index=0) -> None:
        wanted = str(self._filter.itemData(self._filter.currentIndex) or "")
        for number in range(self._table.rowCount):
            state = self._stateOf(number)
            shown = not wanted or state == wanted or (wanted == "open" and state in OPEN_STATES)
            self._table.setRowHidden(number, not shown)

    def _idOf(self, number) -> str:
        item = self._table.item(number, _CASE)
        return str(item.data(_ID_ROLE)) if item is not None else ""

    def _stateOf(self, number) -> str:
        item = self._table.item(number, _CASE)
        return str(item.data(_ID_ROLE + 1)) if item is not None else ""

    @property
    def selectedId(self) -> str:
        """The chosen row's case, "" for none."""
        number = self._table.currentRow()
        return self._idOf(number) if number >= 0 else ""

    def idOfRow(self, number) -> str:
        return self._idOf(number)

    def select(self, caseId) -> None:
        """Choose a case's row and scroll to it."""
        for number in range(self._table.rowCount):
            if caseId and self._idOf(number) == caseId:
                self._table.selectRow(number)
                self._table.scrollToItem(self._table.item(number, _CASE))

    def nextOpen(self, caseId) -> str:
        """The case after this one, in the order shown, in which something is left to do; "" for none.

        The filter hides rows from the eye only: a case that is decided leaves the list, and the next one is still next.
        """
        count = self._table.rowCount
        ids = [self._idOf(number) for number in range(count)]
        start = ids.index(caseId) + 1 if caseId in ids else 0
        for number in [*range(start, count), *range(start)]:
            if ids[number] != caseId and self._stateOf(number) in OPEN_STATES:
                return ids[number]
        return ""
