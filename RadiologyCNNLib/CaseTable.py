"""CaseTable: a list of cases in a QTableWidget: filled, filtered by state, sorted by any column."""

from dataclasses import dataclass

import qt
import slicer
from slicer.i18n import tr as _

from radiologycnn.annotation.records import ACCEPTED, FLAGGED, IN_PROGRESS, REJECTED, TO_DO
from RadiologyCNNLib.PanelTexts import showable
from RadiologyCNNLib.WorkClock import clockText

_ID_ROLE = qt.Qt.UserRole
_CASE, _STATE, _UNCERTAINTY, _CORRECTION, _VOLUME, _COMMENT = range(6)
_ORDER_SETTING, _FILTER_SETTING = "RadiologyCNN/CaseOrder", "RadiologyCNN/CaseFilter"
#: States in which there is something left to do.
OPEN_STATES = (TO_DO, IN_PROGRESS)


@dataclass(frozen=True)
class CaseRow:
    """What the table says of a case.

    scan: which file it is; only this person's own screen shows it.
    volumeMl: of the rater's mask; None without one.
    predictedMl: of the network's mask; None where it is not known yet.
    uncertainty: of the network, 0 to 1; None where it is not known yet.
    correctionMl: volume that the network expects to be corrected; None where it is not known yet.
    """

    id: str
    state: str
    scan: str = ""
    volumeMl: float | None = None
    seconds: float = 0.0
    comment: str = ""
    predictedMl: float | None = None
    uncertainty: float | None = None
    correctionMl: float | None = None


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
    """Shows CaseRows; order and filter are those of last time.

    Args:
        table: QTableWidget.
        filterSelector: QComboBox of states, filled here.
        orderSelector: QComboBox of orders, filled here.
    """

    def __init__(self, table, filterSelector, orderSelector) -> None:
        self._table, self._filter, self._order = table, filterSelector, orderSelector
        self._shown = {}
        ascending, descending = qt.Qt.AscendingOrder, qt.Qt.DescendingOrder
        self._orders = {
            "name": (_("By name"), _CASE, ascending),
            "learn": (_("Most to learn first"), _UNCERTAINTY, descending),
            "work": (_("Most to correct first"), _CORRECTION, descending),
            "volume": (_("Largest volume first"), _VOLUME, descending),
            "state": (_("By state"), _STATE, ascending),
        }
        headings = [_("Case"), _("State"), _("Uncertainty"), _("To correct"), _("mL"), _("Comment")]
        table.setColumnCount(len(headings))
        table.setHorizontalHeaderLabels(headings)
        self._explainHeadings()
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(22)
        header = table.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setHighlightSections(False)
        # in a narrow panel the comment gives way, and is read as tool tip
        header.setSectionResizeMode(_COMMENT, qt.QHeaderView.Stretch)
        table.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        header.setSortIndicatorShown(True)
        table.setSortingEnabled(True)
        choices = [(_("All"), ""), (_("Not decided"), "open")]
        choices += [(stateText(s), s) for s in (TO_DO, IN_PROGRESS, ACCEPTED, FLAGGED, REJECTED)]
        for text, state in choices:
            filterSelector.addItem(text, state)
        filterSelector.setCurrentIndex(max(filterSelector.findData(_setting(_FILTER_SETTING)), 0))
        for name, (text, _column, _direction) in self._orders.items():
            orderSelector.addItem(text, name)
        orderSelector.addItem(_("By the heading clicked"), "")
        self._sortAsRemembered()
        filterSelector.connect("currentIndexChanged(int)", self._onFilterChosen)
        orderSelector.connect("currentIndexChanged(int)", self._onOrderChosen)
        header.connect("sortIndicatorChanged(int,Qt::SortOrder)", self._onSorted)

    def _explainHeadings(self) -> None:
        tips = {
            _UNCERTAINTY: _(
                "How unsure the network is, from 0 to 1: the part of its mask, by Dice, that it expects to be wrong. "
                "Correcting uncertain cases teaches it most."
            ),
            _CORRECTION: _("Volume in mL that the network expects to be wrong in its mask. Most work first."),
            _VOLUME: _("Volume of your mask; in italics that of the network, where you have none yet."),
        }
        for column, tip in tips.items():
            self._table.horizontalHeaderItem(column).setToolTip(tip)

    # Order

    def _sortAsRemembered(self) -> None:
        name, __, rest = _setting(_ORDER_SETTING).partition(":")
        column, __, direction = rest.partition(":")
        if name in self._orders:
            _text, column, direction = self._orders[name]
        elif column.isdigit() and int(column) <= _COMMENT:
            column = int(column)
            direction = qt.Qt.DescendingOrder if direction == "descending" else qt.Qt.AscendingOrder
        else:
            _text, column, direction = self._orders["name"]
        self._table.sortItems(column, direction)
        self._showOrder()

    def _onOrderChosen(self, index) -> None:
        name = str(self._order.itemData(index) or "")
        if name:
            _text, column, direction = self._orders[name]
            self._table.sortItems(column, direction)
            self._remember(name)
            self.select(self.nextOpen(""))

    def _onSorted(self, column, direction) -> None:
        """A heading was clicked, or an order chosen."""
        self._showOrder()
        name = self.orderName
        down = "descending" if self._isDescending else "ascending"
        self._remember(name or f":{column}:{down}")

    def _showOrder(self) -> None:
        wasBlocked = self._order.blockSignals(True)
        self._order.setCurrentIndex(self._order.findData(self.orderName))
        self._order.blockSignals(wasBlocked)
        self._table.setColumnHidden(_CORRECTION, self.orderName != "work")
        self._table.setColumnHidden(_UNCERTAINTY, self.orderName == "work")

    @staticmethod
    def _remember(text) -> None:
        qt.QSettings().setValue(_ORDER_SETTING, text)

    @property
    def _isDescending(self) -> bool:
        return self._table.horizontalHeader().sortIndicatorOrder() == qt.Qt.DescendingOrder

    @property
    def orderName(self) -> str:
        """Which of the orders the table is in: its name here; "" for none of the named ones."""
        column = self._table.horizontalHeader().sortIndicatorSection()
        direction = qt.Qt.DescendingOrder if self._isDescending else qt.Qt.AscendingOrder
        found = (name for name, order in self._orders.items() if order[1:] == (column, direction))
        return next(found, "")

    # Rows

    def show(self, rows) -> None:
        """Replace what is shown; order, filter and place stay. Rows that lack what is sorted by come last, by id."""
        rows = sorted(rows, key=lambda one: one.id)
        before, self._shown = self._shown, {row.id: row for row in rows}
        isSameList = list(before) == list(self._shown)
        changed = [row for row in rows if not isSameList or before[row.id] != row]
        if not changed and isSameList:
            return
        table, chosen = self._table, self.selectedId
        wasBlocked = table.blockSignals(True)
        table.setSortingEnabled(False)
        if not isSameList:
            table.setRowCount(0)
            table.setRowCount(len(rows))
        numbers = {self._idOf(number): number for number in range(len(rows))} if isSameList else {}
        for number, row in enumerate(changed):
            self._fill(numbers.get(row.id, number), row)
        table.setSortingEnabled(True)
        for column in (_CASE, _STATE, _UNCERTAINTY, _CORRECTION, _VOLUME):
            table.resizeColumnToContents(column)
        table.blockSignals(wasBlocked)
        self._applyFilter()
        self.select(chosen)

    def _fill(self, number, row) -> None:
        isPredicted = row.volumeMl is None and row.predictedMl is not None
        volumeMl = row.predictedMl if isPredicted else row.volumeMl
        cells = {
            _CASE: row.id,
            _STATE: stateText(row.state),
            _UNCERTAINTY: round(row.uncertainty, 2) if row.uncertainty is not None else None,
            _CORRECTION: round(row.correctionMl, 1) if row.correctionMl is not None else None,
            _VOLUME: round(volumeMl, 1) if volumeMl is not None else None,
            _COMMENT: row.comment or None,
        }
        for column, value in cells.items():
            self._table.takeItem(number, column)
            if value is None:
                continue  # Qt sorts cells without an item last, up and down
            item = qt.QTableWidgetItem()
            item.setData(qt.Qt.DisplayRole, value)  # a number sorts as a number
            if column in (_UNCERTAINTY, _CORRECTION, _VOLUME):
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            item.setToolTip(self._toolTip(column, row))
            if column == _VOLUME and isPredicted:
                font = qt.QFont(self._table.font)
                font.setItalic(True)
                item.setFont(font)
                item.setToolTip(_("The network's volume"))
            if column == _CASE:
                item.setData(_ID_ROLE, row.id)
                item.setData(_ID_ROLE + 1, row.state)
            self._table.setItem(number, column, item)

    @staticmethod
    def _toolTip(column, row) -> str:
        if column == _STATE and row.seconds:
            return _("{time} spent on the case").format(time=clockText(row.seconds))
        return showable(row.scan) if column == _CASE else row.comment

    def _onFilterChosen(self, index) -> None:
        qt.QSettings().setValue(_FILTER_SETTING, str(self._filter.itemData(index) or ""))
        self._applyFilter()

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

        With "Most to learn first" and "Most to correct first" it is the first one: the network may have become less
        sure of another meanwhile.
        The filter hides rows from the eye only: a case that is decided leaves the list, and the next one is still next.
        """
        count = self._table.rowCount
        ids = [self._idOf(number) for number in range(count)]
        start = ids.index(caseId) + 1 if caseId in ids and self.orderName not in ("learn", "work") else 0
        for number in [*range(start, count), *range(start)]:
            if ids[number] != caseId and self._stateOf(number) in OPEN_STATES:
                return ids[number]
        return ""


def _setting(name) -> str:
    return str(slicer.util.settingsValue(name, "") or "")
