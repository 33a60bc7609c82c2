"""HemorrhageSeg, a 3D Slicer module: outlines the bleed on a head CT and measures its volume."""

import importlib.util
import sys
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

# In an installed extension everything lies in one folder; in the source tree the shared packages lie one level up.
if importlib.util.find_spec("RadiologyCNNLib") is None or importlib.util.find_spec("radiologycnn") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from HemorrhageSegLib import Widget as _Widget
from HemorrhageSegLib.Logic import HemorrhageSegLogic  # noqa: F401  Slicer looks for it in this file
from HemorrhageSegLib.SelfTest import HemorrhageSegTest  # noqa: F401  and for the self test

from RadiologyCNNLib.SampleScans import registerSampleScans


class HemorrhageSeg(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("HemorrhageSeg")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations"]
        parent.contributors = ["RadiologyCNN contributors"]
        parent.helpText = _(
            "Outlines intracranial hemorrhage on a non-contrast head CT with a 3D convolutional network, shows it in "
            "slices and in 3D, and measures its volume. Choose a head CT and click Segment. "
            "Research use only. Not a medical device; not for diagnosis or treatment. "
            'See the <a href="https://github.com/radiologycnn/SlicerRadiologyCNN#readme">documentation</a>.'
        )
        parent.acknowledgementText = _(
            "The network is the deeply supervised CNN of Arab et al., Scientific Reports 10 (2020) 19389. "
            "ABC/2 follows Kothari et al., Stroke 27 (1996) 1304."
        )
        icons = Path(__file__).parent / "Resources" / "Icons"
        slicer.app.connect("startupCompleted()", lambda: registerSampleScans("head-ct", icons))


class HemorrhageSegWidget(_Widget.HemorrhageSegWidget):
    """The panel; all of it is in HemorrhageSegLib.Widget."""
