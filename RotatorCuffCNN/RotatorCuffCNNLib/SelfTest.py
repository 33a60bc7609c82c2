"""Self test of the panel, run by a real Slicer: ``Slicer --testing`` or "Reload and Test".

What needs the worker is left out, and said so, where its Python packages or a model are not installed.
"""

import logging
import os
import shutil
import time

import numpy as np
import slicer

from radiologycnn.images.volume import LPS_TO_RAS
from radiologycnn.networks.activation import peak_place
from radiologycnn.rotatorcuff.tear_classes import TEAR_VERSUS_NONE
from radiologycnn.tasks import ROTATOR_CUFF_TASK
from RadiologyCNNLib import SliceViews
from RadiologyCNNLib.InputWatch import InputWatch
from RadiologyCNNLib.PanelSelfTest import PanelSelfTest
from RadiologyCNNLib.ResultCleaning import ResultCleaning
from RadiologyCNNLib.ScanGeometry import ijkToWorld
from RotatorCuffCNNLib import CamDisplay, CamRendering, CuffExport, CuffPresenter, CuffRoi
from RotatorCuffCNNLib.CuffResult import CuffResult
from RotatorCuffCNNLib.SelfTestOfWidgets import WidgetsTest
from RotatorCuffCNNLib.SyntheticShoulder import resultMaps, resultMessage, syntheticShoulder


class RotatorCuffCNNTest(WidgetsTest, PanelSelfTest):
    """From a synthetic shoulder MRI to a map in the scene, and back from a saved scene."""

    def setUp(self) -> None:
        super().setUp()
        self.shoulder = syntheticShoulder()

    # Without the worker

    def test_mapLiesOnTheTear(self) -> None:
        result = self._result()
        self.assertLess(self._distance(result.peakRas(), self.shoulder.tearRas), 5.0)  # a voxel of the map
        cam = slicer.util.arrayFromVolume(result.camNode)
        k, j, i = np.unravel_index(int(np.argmax(cam)), cam.shape)
        shown = (ijkToWorld(result.camNode) @ [i, j, k, 1.0])[:3]
        self.assertLess(self._distance(shown, result.peakRas()), 5.0)  # brightest in a voxel's centre, the peak between
        self.assertAlmostEqual(float(cam.max()), 1.0, places=5)

    def test_overlayLegendAndRestoring(self) -> None:
        result = self._result()
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        other = self._addVolume("Other series")
        for composite in composites:
            composite.SetForegroundVolumeID(other.GetID())
            composite.SetForegroundOpacity(0.25)
        CamDisplay.setOverlay(result, True, 0.6, 0.4, CamDisplay.CAM_COLOR_NODES[1][1])
        CamDisplay.setLegend(result, True)
        for composite in composites:
            self.assertEqual(composite.GetForegroundVolumeID(), result.camNode.GetID())
            self.assertAlmostEqual(composite.GetForegroundOpacity(), 0.6)
        display = result.camNode.GetScalarVolumeDisplayNode()
        self.assertAlmostEqual(display.GetLowerThreshold(), 0.4)
        self.assertTrue(display.GetApplyThreshold())
        self.assertEqual((display.GetWindowLevelMin(), display.GetWindowLevelMax()), (0.0, 1.0))
        CamDisplay.setOverlay(result, False)
        for composite in composites:
            self.assertEqual(composite.GetForegroundVolumeID(), other.GetID())
            self.assertAlmostEqual(composite.GetForegroundOpacity(), 0.25)

    def test_classSwitchShowsAnotherMap(self) -> None:
        result = self._result()
        CamDisplay.setLegend(result, True)
        before = slicer.util.arrayFromVolume(result.camNode).copy()
        nodes = slicer.mrmlScene.GetNumberOfNodes()
        started = time.perf_counter()
        CamDisplay.showMap(result, 0, "grad_cam")
        logging.info("RotatorCuffCNN: another map took %.0f ms", 1000 * (time.perf_counter() - started))
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), nodes)
        self.assertFalse(np.array_equal(before, slicer.util.arrayFromVolume(result.camNode)))
        self.assertEqual(CamDisplay.legendTitle(result), "Grad-CAM: No tear")
        CamDisplay.showMap(result, TEAR_VERSUS_NONE, "cam")
        self.assertEqual(result.shownName, "Tear versus none")

    def test_secondRunUpdatesTheSameNodes(self) -> None:
        result = self._result()
        before = slicer.mrmlScene.GetNumberOfNodes()
        again = self._present(result.volumeNode)
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodes(), before)
        self.assertEqual(again.camNode.GetID(), result.camNode.GetID())

    def test_rendering(self) -> None:
        result = self._result()
        if not CamDisplay.setVolumeRendering(result, True):
            self.leftOut("3D: this Slicer has no volume rendering")
            return
        self.assertTrue(CamRendering.isVisible(result))
        CamDisplay.setOverlay(result, True, threshold=0.5)
        self.assertEqual(CamRendering.opacityAt(result, 0.49), 0.0)
        self.assertGreater(CamRendering.opacityAt(result, 0.9), 0.0)
        CamDisplay.setVolumeRendering(result, False)
        self.assertFalse(CamRendering.isVisible(result))

    def test_saveAndReload(self) -> None:
        self._checkReload("scene.mrb")

    def test_saveAndReloadAsFolder(self) -> None:
        self._checkReload("scene.mrml")

    def _checkReload(self, fileName) -> None:
        result = self._result()
        # the panel's own settings, which it applies to a scene that is loaded while it is open
        CamDisplay.setOverlay(result, True, 0.5, CamDisplay.DEFAULT_THRESHOLD)
        CamDisplay.setLegend(result, True)
        before, classification, peak = result.rawMap(4, "grad_cam").copy(), result.classification, result.peakRas()
        scene, folder = slicer.mrmlScene, slicer.util.tempDirectory()
        url, root = scene.GetURL(), scene.GetRootDirectory()
        try:
            saveScene(os.path.join(folder, fileName))
            slicer.mrmlScene.Clear()
            slicer.util.loadScene(os.path.join(folder, fileName))
            result = CuffResult.ofVolume(slicer.util.getNode("Synthetic shoulder"))
            self.assertIsNotNone(result)
            self.assertTrue(np.array_equal(result.rawMap(4, "grad_cam"), before))
            self.assertEqual(result.classification, classification)
            self.assertLess(self._distance(result.peakRas(), peak), 0.01)
            self._assertOverlaid(result)
            lowest = result.camNode.GetScalarVolumeDisplayNode().GetLowerThreshold()
            self.assertAlmostEqual(lowest, CamDisplay.DEFAULT_THRESHOLD, places=5)
            self.assertEqual(result.tableNode.GetNumberOfRows(), 6)
            CamDisplay.showMap(result, 4, "grad_cam")
            self.assertEqual(CamDisplay.legendTitle(result), "Grad-CAM: Large-to-massive tear")
        finally:
            # saving and loading have made this the place of the person's next Save
            scene.SetURL(url)
            scene.SetRootDirectory(root)
            shutil.rmtree(folder, ignore_errors=True)

    def test_regionIsACubeOnTheHead(self) -> None:
        volume = self._addVolume()
        centreLps = (LPS_TO_RAS @ [*self.shoulder.headRas, 1.0])[:3]
        roi = CuffRoi.placeRoi(volume, {"centre_lps_mm": centreLps, "edge_mm": 80.0, "automatic": True})
        request = CuffRoi.roiRequest(roi)
        self.assertLess(self._distance(request["centre_lps_mm"], centreLps), 0.01)
        self.assertAlmostEqual(request["edge_mm"], 80.0, places=3)
        self.assertTrue(CuffRoi.isAutomatic(roi))
        roi.SetSize(100.0, 80.0, 80.0)  # as dragging one face does
        self.assertEqual(tuple(round(side, 3) for side in roi.GetSize()), (100.0, 100.0, 100.0))
        self.assertFalse(CuffRoi.isAutomatic(roi))
        self.assertEqual(CuffRoi.roiProblem(roi, volume), "")
        roi.SetCenterWorld(900.0, 0.0, 0.0)
        self.assertIn("outside", CuffRoi.roiProblem(roi, volume))

    def test_export(self) -> None:
        result = self._result()
        folder = slicer.util.tempDirectory()
        try:
            table = CuffExport.exportCsv(result, os.path.join(folder, "a.csv")).read_text(encoding="utf-8")
            self.assertIn("probability_medium", table)
            for name in ("a.nii.gz", "a.nrrd"):
                loaded = slicer.util.loadVolume(str(CuffExport.exportMap(result, os.path.join(folder, name))), {})
                cam = slicer.util.arrayFromVolume(loaded)
                k, j, i = peak_place(cam)
                place = (ijkToWorld(loaded) @ [i, j, k, 1.0])[:3]
                self.assertLess(self._distance(place, result.peakRas()), 0.01)
            page = CuffExport.exportReport(result, os.path.join(folder, "a.html")).read_text(encoding="utf-8")
            self.assertIn("data:image/png;base64", page)
            self.assertIn("For research use only", page)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def test_viewsTurnToTheScansPlanesAndBack(self) -> None:
        manager = slicer.app.layoutManager()
        names = manager.sliceViewNames() if self.sliceNodes() and manager is not None else ()
        if not names:
            return
        node = manager.sliceWidget(names[0]).mrmlSliceNode()
        before = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, :3]
        volume = self._addVolume()
        SliceViews.showVolume(volume)
        SliceViews.turnTo(volume)
        turned = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, :3]
        scan = self.shoulder.ijkToRas[:3, :3] / np.linalg.norm(self.shoulder.ijkToRas[:3, :3], axis=0)
        self.assertTrue(np.allclose(np.abs(turned.T @ scan).max(axis=0), 1.0, atol=1e-3))
        SliceViews.turnBack()
        self.assertTrue(np.allclose(slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())[:3, :3], before))

    def test_deletedMapTakesItsResultWithIt(self) -> None:
        cleaning = ResultCleaning(CuffPresenter.partsOfNode)
        try:
            result = self._result()
            CamDisplay.setLegend(result, True)
            parts = CuffPresenter.partsOf(result)
            slicer.mrmlScene.RemoveNode(result.camNode)
            self.assertEqual([part.GetName() for part in parts if slicer.mrmlScene.IsNodePresent(part)], [])
        finally:
            cleaning.stop()

    def test_changedVoxelsAreNoticed(self) -> None:
        volume, seen = self._addVolume(), []
        watch = InputWatch(seen.append)
        watch.watch(volume)
        volume.SetOrigin(1.0, 2.0, 3.0)
        self.assertTrue(seen and not any(seen))
        slicer.util.arrayFromVolume(volume)[0] = 0
        slicer.util.arrayFromVolumeModified(volume)
        self.assertTrue(any(seen))
        watch.forget()

    # With the worker

    def test_workerClassifies(self) -> None:
        from RotatorCuffCNNLib.Logic import RotatorCuffCNNLogic

        if not self.hasWorkerFor(ROTATOR_CUFF_TASK):
            return
        logic, volume = RotatorCuffCNNLogic(), self._addVolume()
        roi = CuffRoi.ensureRoi(volume)
        roi.SetCenterWorld(*self.shoulder.headRas)

        def classify():
            logic.classify(volume, roi)

        self.assertEqual(self.endOf(logic, classify), "finished")
        result = CuffResult.ofVolume(volume)
        self.assertAlmostEqual(sum(result.classification.probabilities), 1.0, places=4)
        CamDisplay.setOverlay(result, True)
        self._assertOverlaid(result)
        self.assertEqual(self.endOf(logic, classify, logic.cancel), "cancelled")
        logic.disconnect()

    # Helpers

    def _assertOverlaid(self, result) -> None:
        if self.sliceNodes():
            self.assertTrue(CamDisplay.isOverlaid(result))

    def _addVolume(self, name="Synthetic shoulder"):
        return self.addScan(self.shoulder, name)

    def _result(self) -> CuffResult:
        return self._present(self._addVolume())

    def _present(self, volume) -> CuffResult:
        return CuffPresenter.present(volume, resultMessage(self.shoulder), resultMaps(self.shoulder))

    @staticmethod
    def _distance(a, b) -> float:
        return float(np.linalg.norm(np.subtract(a, b)))


def saveScene(path) -> None:
    """Save the scene as one .mrb, or as an .mrml with its files beside it, as Slicer's save dialog does."""
    scene = slicer.mrmlScene
    if not path.endswith(".mrml"):
        slicer.util.saveScene(path)
        return
    folder = os.path.dirname(path)
    scene.SetURL(path)
    scene.SetRootDirectory(folder)
    for node in slicer.util.getNodesByClass("vtkMRMLStorableNode"):
        if node.GetHideFromEditors() or not node.GetSaveWithScene() or not node.GetModifiedSinceRead():
            continue
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        if storage is not None:
            name = f"{node.GetID()}.{storage.GetDefaultWriteFileExtension()}"
            storage.SetFileName(os.path.join(folder, name))
            storage.WriteData(node)
    scene.Commit(path)
