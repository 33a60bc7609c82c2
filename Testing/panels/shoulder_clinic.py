"""ShoulderClinic: the opened RotatorCuffCNN panel with a shoulder MRI; the worker's answers are made up here."""

import os

import numpy as np
from panels.clinic import Clinic, usualScan


class ShoulderClinic(Clinic):
    """The opened panel with a shoulder MRI in the scene."""

    MODULE, TASK = "RotatorCuffCNN", "classify"

    def __init__(self, host, widget) -> None:
        from RotatorCuffCNNLib import SelfTest
        from RotatorCuffCNNLib.SyntheticShoulder import syntheticShoulder

        super().__init__(host, widget)
        self.selfTest, self.syntheticShoulder = SelfTest, syntheticShoulder
        self.shoulder = usualScan(syntheticShoulder)
        self.volume = self.addScan()

    def addScan(self):
        return self.addShoulder(self.shoulder)

    def addShoulder(self, shoulder, name="Shoulder"):
        return self.addVolume(shoulder.array, shoulder.ijkToRas, name)

    # Humeral head

    def location(self, shoulder=None, **changes) -> dict:
        """What the worker would answer to ``locate``."""
        from RotatorCuffCNNLib.SyntheticShoulder import locationMessage

        message = locationMessage(shoulder or self.shoulder, changes.pop("confidence", 0.9))
        return {**message, **changes}

    def locate(self, **changes):
        """Answer the search that choosing a scan has started; returns the box."""
        self.client.result.emit(self.sent("locate")[0], self.location(**changes))
        return self.roi

    @property
    def roi(self):
        return self.widget.region.roiNode

    def roiCentre(self) -> np.ndarray:
        centre = [0.0] * 3
        self.roi.GetCenterWorld(centre)
        return np.array(centre)

    def moveRoi(self, r=0.0, a=0.0, s=0.0) -> None:
        """As dragging it in a view does."""
        self.roi.SetCenterWorld(*(self.roiCentre() + [r, a, s]))

    # Classification

    def answer(self, job, shoulder=None, maps=None, **changes) -> None:
        shoulder = shoulder or self.shoulder
        message = self.selfTest.resultMessage(shoulder)
        roi = self.sent("classify")[1]["roi"]
        if roi is not None:  # as the worker does: the box is the one that it was given
            message["classification"]["roi"].update(roi, automatic=False, confidence=1.0)
        message["classification"].update(changes.pop("classification", {}))
        path = os.path.join(self.sent("classify")[1]["output"], "maps.npy")
        np.save(path, self.selfTest.resultMaps(shoulder) if maps is None else maps)
        self.client.result.emit(job, {**message, "maps": path, **changes})

    classify = Clinic.run

    @property
    def words(self) -> str:
        """The answer as the panel says it."""
        return self.ui.predictedLabel.text

    def choose(self, selector, value) -> None:
        """Choose an entry as a person does, by what stands there."""
        index = selector.findText(value)
        assert index >= 0, f"{selector.objectName} has no {value}"
        selector.setCurrentIndex(index)

    def camDisplay(self):
        return self.result.camNode.GetScalarVolumeDisplayNode()

    def composites(self) -> list:
        return self.slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")

    def isOverlaid(self) -> bool:
        return all(c.GetForegroundVolumeID() == self.result.camNode.GetID() for c in self.composites())
