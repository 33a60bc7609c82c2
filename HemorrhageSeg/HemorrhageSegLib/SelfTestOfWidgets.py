"""The part of the self test that uses the opened panel as a person does, in Slicer's own window."""

from pathlib import Path

import slicer

from HemorrhageSegLib import SkullRendering
from HemorrhageSegLib.SyntheticHead import resultMessage
from RadiologyCNNLib import AnatomyRendering


class WidgetsTest:
    """Tests of HemorrhageSegTest, which gives ``head`` and what PanelSelfTest has."""

    def test_panelOpensAndSurvivesASceneClose(self) -> None:
        if self.isWindowMissing():
            return
        self.addScan(self.head, "Synthetic head")
        slicer.util.selectModule("HemorrhageSeg")
        widget = slicer.modules.HemorrhageSegWidget
        self.assertTrue(widget.ui.researchUseLabel.text)
        slicer.mrmlScene.Clear()
        volume = self.addScan(self.head, "Synthetic head")
        slicer.app.processEvents()
        self.assertEqual(widget.ui.segmentButton.text, widget.runText)
        widget.ui.inputVolumeSelector.setCurrentNode(volume)
        self.assertIs(widget.parameterNode.inputVolume, volume)
        slicer.mrmlScene.RemoveNode(volume)
        self.assertIsNone(widget.parameterNode.inputVolume)
        self.assertFalse(widget.ui.segmentButton.enabled)

    def test_panelWorksByItsWidgets(self) -> None:
        """Button, table, slider, check boxes, editor: what the person clicks reaches the scene."""
        widget = self.openedPanel()
        if widget is None:
            return
        volume, ui = self.addScan(self.head, "Synthetic head"), widget.ui
        with self.answeredHere(widget) as client:
            ui.inputVolumeSelector.setCurrentNode(volume)
            self.assertTrue(ui.segmentButton.enabled, ui.segmentButton.toolTip)
            ui.segmentButton.click()
            self.assertTrue(widget.logic.isSegmenting)
            number, fields = client.last("segment")
            client.result.emit(number, resultMessage(self.head, fields["output"]))
            result = widget.results.result
            self.assertIn("mL", ui.totalLabel.text)
            self.assertEqual(ui.lesionTable.model().rowCount(), 1)
            self.assertEqual(volume.GetDisplayNode().GetWindow(), 80)
            self.delayDisplay("The bleed is outlined and measured")
            self._chooseARow(ui, result)
            self._moveTheThreshold(ui, result)
            ui.show3DCheckBox.checked = True
            self.waitFor(lambda: result.hasSurface)
            self.assertEqual(SkullRendering.isVisible(result), AnatomyRendering.isAvailable())
            self.delayDisplay("The bleed is shown in 3D, the skull faintly around it")
            ui.showSkullCheckBox.checked = False
            self.assertFalse(SkullRendering.isVisible(result))
            self._correct(widget, result)

    def _moveTheThreshold(self, ui, result) -> None:
        ui.thresholdSlider.value = 0.95
        self.assertLess(result.totalMl(), self.head.bleedMl)
        ui.resetThresholdButton.click()
        self.assertAlmostEqual(result.totalMl(), self.head.bleedMl, places=6)

    def _chooseARow(self, ui, result) -> None:
        nodes, place = self.sliceNodes(), result.measurements.lesions[0].place_ras_mm
        ui.lesionTable.clearSelection()
        for node in nodes:
            node.JumpSlice(-90.0, -90.0, -90.0)
        ui.lesionTable.selectRow(0)
        for node in nodes:
            self.assertLess(self.distanceToSlice(node, place), 5.0)

    def _correct(self, widget, result) -> None:
        ui = widget.ui
        ui.correctCollapsibleButton.collapsed = False
        self.assertTrue(widget.correct.isActive)
        ui.networkOutlineCheckBox.checked = True
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        (outline,) = [node for node in nodes if node is not result.segmentationNode]
        self.assertTrue(outline.GetDisplayNode().GetVisibility())
        self.delayDisplay("The Segment Editor is open, with the network's outline")
        ui.correctCollapsibleButton.collapsed = True
        self.assertFalse(widget.correct.isActive)

    def test_simulatedScansAreInSampleData(self) -> None:
        from radiologycnn.simulation.samples import SAMPLES
        from RadiologyCNNLib.SampleScans import CATEGORY, registerSampleScans

        try:
            from SampleData import SampleDataLogic
        except ImportError:
            self.leftOut("Sample Data: this application has no such module")
            return
        icons = Path(slicer.util.modulePath("HemorrhageSeg")).parent / "Resources" / "Icons"
        registerSampleScans("head-ct", icons)
        names = [source.sampleName for source in SampleDataLogic.sampleDataSourcesByCategory(CATEGORY)]
        for sample in SAMPLES:
            if sample.population == "head-ct":
                self.assertEqual(names.count(sample.key), 1, sample.key)
