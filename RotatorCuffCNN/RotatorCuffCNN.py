"""RotatorCuffCNN, a 3D Slicer module: sorts shoulder MRI by rotator cuff tear and shows where the network looked."""

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

from RotatorCuffCNNLib import Widget as _Widget
from RotatorCuffCNNLib.Logic import RotatorCuffCNNLogic  # noqa: F401  Slicer looks for it in this file
from RotatorCuffCNNLib.SelfTest import RotatorCuffCNNTest  # noqa: F401  and for the self test

from RadiologyCNNLib.SampleScans import registerSampleScans


class RotatorCuffCNN(ScriptedLoadableModule):
    """What Slicer shows of the module."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("RotatorCuffCNN")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Quantification")]
        parent.dependencies = ["Colors", "Markups"]
        parent.contributors = ["RadiologyCNN contributors"]
        parent.helpText = _(
            "Classifies a shoulder MRI into no tear, partial, small, medium or large-to-massive tear of the rotator "
            "cuff with a 3D convolutional network, and shows where the network looked over the slices and in 3D. "
            "Choose a shoulder MRI and click Classify. "
            "Research use only. Not a medical device; not for diagnosis or treatment. "
            'See the <a href="https://github.com/radiologycnn/SlicerRadiologyCNN#readme">documentation</a>.'
        )
        parent.acknowledgementText = _(
            "The network is the Voxception-ResNet of Shim et al., Scientific Reports 10 (2020), after Brock et al. "
            "(2016); the activation map follows Zhou et al. (2016)."
        )
        icons = Path(__file__).parent / "Resources" / "Icons"
        slicer.app.connect("startupCompleted()", lambda: registerSampleScans("shoulder-mr", icons))


class RotatorCuffCNNWidget(_Widget.RotatorCuffCNNWidget):
    """The panel; all of it is in RotatorCuffCNNLib.Widget."""
