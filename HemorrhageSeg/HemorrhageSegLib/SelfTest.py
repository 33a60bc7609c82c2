"""Self test of the panel, run by a real Slicer: ``Slicer --testing`` or "Reload and Test".

What needs the worker is left out, and said so, where its Python packages or a model are not installed.
"""

import logging
import os
import signal
import time

import numpy as np
import qt
import slicer

from HemorrhageSegLib.Logic import HemorrhageSegLogic
from HemorrhageSegLib.SceneResult import SceneResult
from HemorrhageSegLib.SelfTestOfWidgets import WidgetsTest
from HemorrhageSegLib.SyntheticHead import resultMessage, syntheticHead
from RadiologyCNNLib.AnswerlessClient import AnswerlessClient
from RadiologyCNNLib.PanelSelfTest import PanelSelfTest
from RadiologyCNNLib.ScanGeometry import ijkToRas


class HemorrhageSegTest(WidgetsTest, PanelSelfTest):
    """From a synthetic head CT to nodes in the scene, and everything that can come in between."""

    def setUp(self) -> None:
        super().setUp()
        self.head = syntheticHead()

    # Without the worker

    def test_resultBecomesNodes(self) -> None:
        logic, client, volume = self._logicWithVolume()
        finished = []
        logic.finished.connect(finished.append)
        self._answerSegment(logic, client, volume)
        result = finished[0]
        segment = result.segmentationNode.GetSegmentation().GetSegment("hemorrhage-1")
        self.assertEqual(segment.GetName(), "Hemorrhage")
        self.assertAlmostEqual(result.totalMl(), self.head.bleedMl, places=6)
        self.assertIs(result.volumeNode, volume)
        self.assertEqual(result.tableNode.GetNumberOfRows(), 1)
        centre = result.segmentationNode.GetSegmentCenterRAS("hemorrhage-1")
        self.assertLess(np.linalg.norm(np.array(centre) - (-34.0, 0.0, 4.0)), 4.0)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, "hemorrhage-1", volume)
        self.assertTrue(np.array_equal(mask != 0, self.head.truth != 0))
        logic.disconnect()

    def test_secondRunUpdatesTheSameNodes(self) -> None:
        logic, client, volume = self._logicWithVolume()
        self._answerSegment(logic, client, volume)
        before = slicer.mrmlScene.GetNumberOfNodes()
        self._answerSegment(logic, client, volume)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        logic.disconnect()

    def test_thresholdChangesTheMaskAndEmptiesTheTable(self) -> None:
        logic, client, volume = self._logicWithVolume()
        self._answerSegment(logic, client, volume)
        result = SceneResult.ofVolume(volume)
        started = time.perf_counter()
        smaller = logic.applyThreshold(result, 0.95)
        logging.info("HemorrhageSeg: the threshold took %.0f ms", 1000 * (time.perf_counter() - started))
        self.assertLess(smaller, self.head.bleedMl)
        self.assertAlmostEqual(result.totalMl(), smaller, places=6)
        self.assertIsNone(result.measurements)
        logic.disconnect()

    def test_surfaceIsBuiltAndDropped(self) -> None:
        logic, client, volume = self._logicWithVolume()
        self._answerSegment(logic, client, volume)
        result = SceneResult.ofVolume(volume)
        self.assertFalse(result.hasSurface)
        result.buildSurface()
        self.assertTrue(result.hasSurface)
        result.removeSurface()
        self.assertFalse(result.hasSurface)
        logic.disconnect()

    def test_sceneCloseInTheMiddleOfAJob(self) -> None:
        logic, client, volume = self._logicWithVolume()
        finished = []
        logic.finished.connect(finished.append)
        job = logic.segment(volume)
        folder = client.requests[-1][1]["output"]
        logic.abandonJobs()
        slicer.mrmlScene.Clear()
        client.result.emit(job, {})
        self.assertFalse(logic.isSegmenting)
        self.assertFalse(finished)
        self.assertFalse(os.path.exists(folder))
        logic.disconnect()

    def test_workerFailureIsToldAndLeavesNothing(self) -> None:
        from RadiologyCNNLib.WorkerClient import WorkerError

        logic, client, volume = self._logicWithVolume()
        failures = []
        logic.failed.connect(failures.append)
        job = logic.segment(volume)
        folder = client.requests[-1][1]["output"]
        client.failed.emit(job, WorkerError("worker-died", "The background process ended.", "Try again.", ""))
        self.assertEqual(failures[0].code, "worker-died")
        self.assertFalse(logic.isSegmenting)
        self.assertFalse(os.path.exists(folder))
        logic.disconnect()

    def test_editorUndoesStrokesAndTheNetwork(self) -> None:
        """The real Segment Editor on the result: effects, order of calls, Undo of what a program has changed."""
        from HemorrhageSegLib.EditorSetup import EFFECTS, SINGLETON_TAG, EmbeddedEditor
        from HemorrhageSegLib.MaskOrigin import maskKey

        logic, client, volume = self._logicWithVolume()
        self._answerSegment(logic, client, volume)
        result = SceneResult.ofVolume(volume)
        frame = qt.QWidget()
        limits = []
        editor = EmbeddedEditor(qt.QVBoxLayout(frame), lambda *limit: limits.append(limit))
        editor.open(result.segmentationNode, volume, "hemorrhage-1")
        try:
            self.assertEqual(editor.widget.mrmlSegmentEditorNode().GetSingletonTag(), SINGLETON_TAG)
            self.assertEqual(editor.widget.currentSegmentID(), "hemorrhage-1")
            for name in EFFECTS:
                self.assertIsNotNone(editor.widget.effectByName(name), name)
            network = maskKey(result)
            smoothing = editor.widget.effectByName("Smoothing")
            editor.widget.setActiveEffect(smoothing)
            if hasattr(smoothing, "setParameter"):
                smoothing.setParameter("SmoothingMethod", "MORPHOLOGICAL_OPENING")
                smoothing.setParameter("KernelSizeMm", "12")
                smoothing.self().onApply()
            else:
                self.leftOut("what an effect draws: this Segment Editor has no effects")
                editor.saveStateForUndo(result.segmentationNode)
                result.setMask(np.ones((2, 3, 4), np.uint8), (5, 6, 7))
            stroke = maskKey(result)
            self.assertNotEqual(stroke, network)
            editor.saveStateForUndo(result.segmentationNode)
            result.setMask(*result.networkMask())
            self.assertEqual(maskKey(result), network)
            editor.widget.undo()
            self.assertEqual(maskKey(result), stroke)
            editor.widget.undo()
            self.assertEqual(maskKey(result), network)
            editor.limitTo(50, 90, True)
            self.assertEqual(limits[-1], (50.0, 90.0, True))
        finally:
            editor.release()
            frame.deleteLater()
            logic.disconnect()

    def test_acceptedMaskIsOnTheDisk(self) -> None:
        """A folder of scans as a list: open, accept, and what a restarted Slicer finds."""
        import tempfile

        from HemorrhageSegLib.AnnotationLogic import AnnotationLogic

        with tempfile.TemporaryDirectory() as folder:
            volume = self._addVolume()
            slicer.util.saveNode(volume, os.path.join(folder, "scan.nrrd"), {})
            slicer.mrmlScene.Clear()
            cases = AnnotationLogic()
            self.assertEqual(cases.openFolder(folder, rater="self-test"), 1)
            client = AnswerlessClient()
            logic = HemorrhageSegLogic(client)
            self._answerSegment(logic, client, cases.openCase("case-0001"))
            result = SceneResult.ofVolume(slicer.mrmlScene.GetNodeByID(cases.volumeId))
            self.assertFalse(cases.takeResult(result))
            cases.decide(result, "accepted", "self test")
            again = AnnotationLogic()
            again.openFolder(folder, rater="self-test")
            self.assertEqual([row.state for row in again.rows()], ["accepted"])
            mask = again.store.read_mask(again.store.annotation("case-0001"))
            self.assertEqual(int(np.count_nonzero(mask.crop)), int(np.count_nonzero(self.head.truth)))
            logic.disconnect()

    def test_preparedCaseOpensAsTheWorkerReadIt(self) -> None:
        """What the worker has read beforehand becomes the scan; no window has to be looked for."""
        import tempfile
        from pathlib import Path

        from HemorrhageSegLib.NextCase import PreparedCase
        from radiologycnn.images.volume import LPS_TO_RAS

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "scan.npy")
            np.save(path, self.head.array)
            field = {"array": path, "ijk_to_lps": (LPS_TO_RAS @ self.head.ijkToRas).tolist()}
            message = {"volume": field, "notes": [], "segmentation": None}
            volume = PreparedCase("case-0001", message, False, Path(folder)).addVolumeNode()
            self.assertTrue(np.array_equal(slicer.util.arrayFromVolume(volume), self.head.array))
            self.assertTrue(np.allclose(ijkToRas(volume), self.head.ijkToRas))
            self.assertEqual(volume.GetDisplayNode().GetWindow(), 80)

    def test_caseTableSortsNumbersAndPutsUnknownOnesLast(self) -> None:
        """Slicer's real table widget: the order of a list, which rows lack the figure that is sorted by."""
        from RadiologyCNNLib.CaseTable import CaseRow, CaseTable

        frame, settings, order = qt.QWidget(), qt.QSettings(), "RadiologyCNN/CaseOrder"
        before = settings.value(order, "")  # the person's own, which the table remembers
        tableWidget, filters, orders = qt.QTableWidget(frame), qt.QComboBox(frame), qt.QComboBox(frame)
        table = CaseTable(tableWidget, filters, orders)
        figures = (0.2, None, 0.71, 0.05)
        table.show([CaseRow(f"case-{n}", "to-do", uncertainty=value) for n, value in enumerate(figures)])
        try:
            orders.setCurrentIndex(orders.findData("learn"))
            shown = [tableWidget.item(row, 0).text() for row in range(tableWidget.rowCount)]
            self.assertEqual(shown, ["case-2", "case-0", "case-3", "case-1"])
            self.assertEqual(table.nextOpen("case-0"), "case-2")
        finally:
            settings.setValue(order, before)
            frame.deleteLater()

    def test_agreementIsInTablesAndCharts(self) -> None:
        """Nodes of a comparison, and the views of this application that show them."""
        from HemorrhageSegLib import AgreementScene
        from RadiologyCNNLib import SceneFigures

        plot = {
            "first": "ab", "second": "cd", "cases": ["case-0001", "case-0002"], "first_ml": [10.0, 20.0],
            "second_ml": [12.0, 21.0], "mean_ml": [11.0, 20.5], "difference_ml": [2.0, 1.0],
            "line": {"x": [10.0, 20.0], "y": [12.0, 21.0]}, "limits": {"bias": 1.5, "lower": 0.1, "upper": 2.9},
        }  # fmt: skip
        matrix = {"raters": ["ab", "cd"], "absolute": [[0.0, 0.1], [0.1, 0.0]], "signed": [[0.0, 0.1], [-0.1, 0.0]]}
        message = {
            "table": {"columns": ["Raters"], "rows": [["ab – cd"]]}, "matrix": matrix, "case_rows": [], "plots": [plot],
        }  # fmt: skip
        tables, charts = AgreementScene.updateTables(message), AgreementScene.updateCharts(message)
        self.assertEqual([node.GetNumberOfRows() for _name, node in tables], [1, 2, 2])
        self.assertEqual([node.GetNumberOfPlotSeriesNodes() for _name, node in charts], [4, 3])
        if SceneFigures.canShowCharts() and SceneFigures.canShowTables():
            layout = slicer.app.layoutManager().layout
            try:
                SceneFigures.showChart(charts[0][1])
                SceneFigures.showTable(tables[0][1])
            finally:
                slicer.app.layoutManager().setLayout(layout)
        else:
            self.leftOut("plot and table views: this application has none")

    # With the worker

    def test_workerSegmentsCancelsAndIsReplaced(self) -> None:
        if not self.hasWorkerFor(HemorrhageSegLogic.TASK):
            return
        logic, volume = HemorrhageSegLogic(), self._addVolume()

        def segment():
            logic.segment(volume)

        def kill():
            os.kill(logic.client.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)

        self.assertEqual(self.endOf(logic, segment), "finished")
        self.assertIsNotNone(SceneResult.ofVolume(volume).measurements)
        self.assertEqual(self.endOf(logic, segment, logic.cancel), "cancelled")
        self.waitFor(lambda: logic.client.pid is not None)
        self.assertIn(self.endOf(logic, segment, kill).split(":")[0], ("failed", "finished"))
        segment()
        slicer.mrmlScene.Clear()
        logic.abandonJobs()
        self.assertFalse(logic.isSegmenting)
        logic.disconnect()

    # Helpers

    def _addVolume(self):
        return self.addScan(self.head, "Synthetic head")

    def _logicWithVolume(self):
        client = AnswerlessClient()
        return HemorrhageSegLogic(client), client, self._addVolume()

    def _answerSegment(self, logic, client, volume) -> None:
        """Segment with a result made from the truth: probability 0.9 in the bleed, 0.97 in its middle slice."""
        job = logic.segment(volume)
        fields = client.requests[-1][1]
        client.result.emit(job, resultMessage(self.head, fields["output"]))
