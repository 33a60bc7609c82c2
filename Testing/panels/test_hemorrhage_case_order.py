"""The order of a list in the HemorrhageSeg panel: by what teaches most, by volume, by work, as the worker ranks it."""


def shownCases(room) -> list:
    table = room.ui.caseTable
    return [table.item(row, 0).text() for row in range(table.rowCount) if not table.isRowHidden(row)]


def predict(room, **uncertainty):
    from radiologycnn.annotation.predictions import Prediction

    for number, value in uncertainty.items():
        caseId = f"case-000{number[1:]}"
        model = {"id": "test-1.0.0", "sha256": "0" * 64}
        prediction = Prediction(caseId, model, 0.5, 100 * value, value, 10 * (1 - value))
        room.widget.worklist.cases.store.save_prediction(prediction)
    room.widget.worklist.showRows()


def testOrderByWhatTeachesMostIsFollowedAndRemembered(office):
    ui, table = office.ui, office.ui.caseTable
    predict(office, c2=0.2, c3=0.7)
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("learn"))
    assert shownCases(office) == ["case-0003", "case-0002", "case-0001"]
    header = table.horizontalHeader()
    assert header.sortIndicatorSection() == 2
    assert table.horizontalHeaderItem(2).text() == "Uncertainty"
    assert table.item(0, 4).font().italic(), "the network's volume is told from the rater's"
    assert office.openCase() == "case-0003"
    asked = office.count("segment")
    office.press("A")
    office.answerIfAsked(asked)
    assert office.caseId == "case-0002"
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("volume"))
    table.sortItems(1, office.qt.Qt.DescendingOrder)  # as a click on the heading
    assert ui.caseOrderSelector.itemData(ui.caseOrderSelector.currentIndex) == ""
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("work"))
    assert shownCases(office)[:2] == ["case-0002", "case-0003"]
    assert table.item(0, 3).text() == "8" and table.isColumnHidden(2) and not table.isColumnHidden(3)
    ui.caseOrderSelector.setCurrentIndex(ui.caseOrderSelector.findData("learn"))
    assert table.isColumnHidden(3)
    ui.caseFilterSelector.setCurrentIndex(ui.caseFilterSelector.findData("open"))

    from RadiologyCNNLib.CaseTable import CaseTable

    again = CaseTable(office.qt.QTableWidget(), office.qt.QComboBox(), office.qt.QComboBox())
    assert again.orderName == "learn"
    assert again._filter.itemData(again._filter.currentIndex) == "open"


def testRankingRunsInAWorkerOfItsOwn(office):
    office.click(office.ui.rankButton)
    command, fields = office.second.requests[-1]
    assert command == "rank_cases"
    assert [scan["case"] for scan in fields["scans"]] == ["case-0001", "case-0002", "case-0003"]
    assert office.ui.rankButton.text == "Cancel"
    office.second.progress.emit("job-1", 0.4, "Case 2 of 3", 5.0)
    assert "Case 2 of 3" in office.ui.rankLabel.text
    problem = {"case": "case-0002", "message": "This is no head CT."}
    office.second.result.emit("job-1", {"cases": [], "problems": [problem], "model": "test-1.0.0"})
    assert "no head CT" in office.ui.rankLabel.text
    assert office.ui.rankButton.text == "Rank the list"
    office.click(office.ui.rankButton)
    office.click(office.ui.rankButton)
    assert office.ui.rankButton.text == "Rank the list"
