"""The part of the self test that uses the opened panel as a person does, in Slicer's own window."""

import os
import shutil
import time

import numpy as np
import slicer

from radiologycnn.readers.answers import AnswerFile
from radiologycnn.readers.reading import SHORTEST_READING_S
from radiologycnn.readers.study import open_study
from RadiologyCNNLib.RaterSetting import savedRater, saveRater
from RotatorCuffCNNLib import CamDisplay, CamRendering
from RotatorCuffCNNLib.SyntheticShoulder import locationMessage, resultMaps, resultMessage

READER = "self-test"


class WidgetsTest:
    """Tests of RotatorCuffCNNTest, which gives ``shoulder`` and what PanelSelfTest has."""

    def test_panelOpensAndSurvivesASceneClose(self) -> None:
        if self.isWindowMissing():
            return
        self._addVolume()
        slicer.util.selectModule("RotatorCuffCNN")
        slicer.mrmlScene.Clear()
        self._addVolume()
        slicer.app.processEvents()
        self.assertEqual(slicer.util.selectedModule(), "RotatorCuffCNN")

    def test_panelWorksByItsWidgets(self) -> None:
        """Scan, box, button, map, check boxes: what the person clicks reaches the scene."""
        widget = self.openedPanel()
        if widget is None:
            return
        with self.answeredHere(widget) as client:
            volume, ui = self._addVolume(), widget.ui
            ui.inputVolumeSelector.setCurrentNode(volume)
            self._findTheHead(widget, client)
            self.assertTrue(ui.classifyButton.enabled, ui.classifyButton.toolTip)
            ui.classifyButton.click()
            job, fields = client.last("classify")
            path = os.path.join(fields["output"], "maps.npy")
            np.save(path, resultMaps(self.shoulder))
            client.result.emit(job, {**resultMessage(self.shoulder), "maps": path})
            result = widget.results.result
            self.assertIn("medium", ui.predictedLabel.text.lower())
            self.assertIn("58", ui.percentLabel3.text)
            self._assertOverlaid(result)
            self.delayDisplay("The tear is named, and the map lies over the slices")
            self._lookAtTheMap(ui, result)

    def _findTheHead(self, widget, client) -> None:
        """Answer the search for the humeral head that choosing a scan has started."""
        job, _fields = client.last("locate")
        client.result.emit(job, locationMessage(self.shoulder))
        centre = [0.0] * 3
        widget.region.roiNode.GetCenterWorld(centre)
        self.assertLess(self._distance(centre, self.shoulder.headRas), 0.01)

    def _lookAtTheMap(self, ui, result) -> None:
        nodes = self.sliceNodes()
        for node in nodes:
            node.JumpSlice(0.0, 0.0, 0.0)
        ui.peakButton.click()
        for node in nodes:
            self.assertLess(self.distanceToSlice(node, result.peakRas()), 5.0)
        ui.thresholdSlider.value = 0.8
        self.assertAlmostEqual(result.camNode.GetScalarVolumeDisplayNode().GetLowerThreshold(), 0.8, places=5)
        ui.showOverlayCheckBox.checked = False
        self.assertFalse(CamDisplay.isOverlaid(result))
        ui.showOverlayCheckBox.checked = True
        ui.targetSelector.setCurrentIndex(ui.targetSelector.count - 1)
        self._assertOverlaid(result)
        if ui.show3DCheckBox.enabled:
            ui.show3DCheckBox.checked = True
            self.assertTrue(CamRendering.isVisible(result))
            self.delayDisplay("The map is shown in 3D")

    def test_readerStudyIsRead(self) -> None:
        """Two cases, without their names and alone in the views: a box and an answer each, kept in the study."""
        widget = self.openedPanel(needsModel=False)
        if widget is None:
            return
        section, reader, folder = widget.readerStudy, savedRater(), slicer.util.tempDirectory()
        with self.answeredHere(widget):
            try:
                before = self._addVolume()
                for name in ("alpha", "bravo"):
                    slicer.util.saveNode(before, os.path.join(folder, f"{name}.nii.gz"))
                slicer.util.setSliceViewerLayers(background=before)
                self._read(widget, folder)
                answers = AnswerFile(open_study(folder), READER).answers
                self.assertEqual(sorted(answers), ["alpha", "bravo"])
                self.assertEqual([one.tear_class for one in answers.values()], [3, 0])
                self.assertEqual([one.mark and one.mark.kind for one in answers.values()], ["box", None])
                self._assertInTheBackground(before)
            finally:
                section.end()
                section.setup.closeStudy()
                section.ui.readerEdit.text = reader
                saveRater(reader)
                widget.ui.readerStudyCollapsibleButton.collapsed = True
                shutil.rmtree(folder, ignore_errors=True)

    def _read(self, widget, folder) -> None:
        section, ui = widget.readerStudy, widget.readerStudy.ui
        widget.ui.readerStudyCollapsibleButton.collapsed = False
        section.setup.openStudy(folder)
        ui.readerEdit.text = READER
        self.assertTrue(ui.startStudyButton.enabled, ui.studyLabel.text)
        ui.startStudyButton.click()
        shown = section.scene.volumeNode
        self._assertInTheBackground(shown)
        self.assertNotIn(shown.GetName(), ("alpha", "bravo"))
        self.assertEqual(slicer.util.arrayFromVolume(shown).shape, self.shoulder.array.shape)
        ui.markBoxButton.click()
        self.delayDisplay("A case of a reader study, with a box")
        time.sleep(SHORTEST_READING_S)
        ui.answerButton3.click()
        self.assertTrue(section.isReading)
        self.assertIsNone(section.scene.markNode)
        self.assertFalse(slicer.mrmlScene.IsNodePresent(shown))
        time.sleep(SHORTEST_READING_S)
        ui.answerButton0.click()
        self.assertFalse(section.isReading)

    def _assertInTheBackground(self, volumeNode) -> None:
        """Of every slice view that there is."""
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self.assertEqual(composite.GetBackgroundVolumeID(), volumeNode.GetID())
