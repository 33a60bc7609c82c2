"""Installer: installs what the worker needs, with consent, the real reason on failure, and a retry.

Everything that touches Slicer (``SlicerSystem``) is handed in, so that the decisions are tested without it.
"""

import contextlib
import math
import sys
import time
from dataclasses import dataclass

from packaging.requirements import Requirement

from RadiologyCNNLib.InstallerOutput import LastLines, failureReason
from RadiologyCNNLib.Signal import Signal
from RadiologyCNNLib.SlicerSystem import SlicerSystem
from RadiologyCNNLib.WorkerRequirements import (
    AFTER_TORCH,
    CPU_REQUIREMENTS,
    TORCH_REQUIREMENTS,
    TRAINING_REQUIREMENTS,
    unmet,
)

#: For so long it is not asked again whether what was there is still there: reading metadata takes 10 ms of each click.
REMEMBERED_S = 30.0


@dataclass(frozen=True)
class InstallOutcome:
    """How an installation ended: message and hint are for the person, details (the last lines) for the log."""

    isReady: bool
    message: str
    hint: str = ""
    details: str = ""
    wasDeclined: bool = False


class Installer:
    """Checks and installs what the worker needs.

    Either set of packages is enough: OpenVINO runs the networks on the processor and is small; PyTorch is large and is
    offered first only where an NVIDIA GPU can use it.

    Args:
        requirements: what must be there, as pip writes it; the two sets where not given.
        system: the outside world; ``SlicerSystem()`` where not given.

    Signals:
        progressed(text): a line of what the installer does.
    """

    def __init__(self, requirements=None, system=None):
        self._requirements = None if requirements is None else tuple(requirements)
        self.progressed = Signal("text")
        self._system = system if system is not None else SlicerSystem()
        self._isInstalling = False
        self._wasReadyAt = -math.inf

    def sets(self):
        """The sets of requirements of which one is enough, the one that suits this computer first."""
        if self._requirements is not None:
            return (self._requirements,)
        if self._system.hasNvidiaGpu():
            return (TORCH_REQUIREMENTS, CPU_REQUIREMENTS)
        return (CPU_REQUIREMENTS, TORCH_REQUIREMENTS)

    def missing(self):
        """Requirements that are not met, as strings; imports nothing."""
        if self._system.usesOtherPython():
            return []  # not for this process to say: the worker names what its own Python lacks
        if time.monotonic() - self._wasReadyAt < REMEMBERED_S:
            return []
        lacking = []
        for requirements in self.sets():
            lacking.append(unmet(requirements))
            if not lacking[-1]:
                self._wasReadyAt = time.monotonic()
                return []
        return lacking[0]

    @property
    def isReady(self):
        """Whether the worker finds all that it needs."""
        return not self.missing()

    def ensure(self, withTorch=False, toTrain=False):
        """Install what is missing after a question; call it again for a retry. Returns an ``InstallOutcome``.

        With ``withTorch`` PyTorch is installed also where the networks run without it, and what training needs beside
        it where it can train. Where it is only offered and the person does not want it, the small set is offered
        instead. ``toTrain`` says that it is wanted for training and nothing else.
        """
        if self._system.usesOtherPython() and withTorch:
            hint = "Install torch and monai there with pip."
            return InstallOutcome(False, "The worker uses a Python of your own.", hint)
        canTrain = not withTorch or self._system.canTrain()
        if withTorch:
            wanted = [TRAINING_REQUIREMENTS if canTrain else TORCH_REQUIREMENTS]
        else:
            wanted = list(self.sets()[:1]) if self.missing() else []
        if toTrain and not canTrain:
            hint = "Train on another computer, or with a Python of your own (setting RadiologyCNN/WorkerPython)."
            return InstallOutcome(False, "For Slicer on this Mac no PyTorch exists that can train.", hint)
        if not wanted or not unmet(wanted[0]):
            return _success()
        if self._isInstalling or self._system.isInstallerBusy():
            return InstallOutcome(False, "Another installation is under way.", "Wait until it is done, then try again.")
        if self._system.isTesting():
            names = ", ".join(unmet(wanted[0]))
            return InstallOutcome(False, f"Missing: {names}.", "Nothing is installed during tests.")
        if wanted[0] is TORCH_REQUIREMENTS and not withTorch:
            wanted.append(CPU_REQUIREMENTS)
        self._isInstalling = True
        try:
            for requirements in wanted:
                outcome = self._install(requirements)
                if not outcome.wasDeclined:
                    break
            return outcome
        finally:
            self._isInstalling = False

    def _install(self, requirements):
        missing = unmet(requirements)
        torch = [text for text in missing if Requirement(text).name == "torch"]
        afterTorch = [text for text in missing if Requirement(text).name in AFTER_TORCH]
        others = [text for text in missing if text not in (*torch, *afterTorch)]
        torchInstaller = None
        if torch:
            torchInstaller = self._system.torchInstaller()
            if torchInstaller is None:
                return self._offerPyTorchExtension()
        if not self._system.confirm(_question(missing)):
            return InstallOutcome(
                False,
                "Nothing was installed.",
                f"RadiologyCNN needs {', '.join(missing)} before it can work.",
                wasDeclined=True,
            )
        lines = LastLines(self.progressed.emit)
        try:
            with contextlib.redirect_stdout(lines):
                if others:
                    self._system.pipInstall(others)
                if torch:
                    _installTorch(torchInstaller, torch)
                if afterTorch:
                    self._system.pipInstall(afterTorch)
        except Exception as error:
            reason, hint = failureReason(error, lines.text)
            return InstallOutcome(False, f"The installation failed: {reason}", hint, f"{lines.text}\n{error!r}".strip())
        stillMissing = unmet(requirements)
        if stillMissing:
            message = f"Still missing after the installation: {', '.join(stillMissing)}."
            return InstallOutcome(False, message, "Restart Slicer, then try again.", lines.text)
        return _success()

    def _offerPyTorchExtension(self):
        question = (
            "PyTorch is installed by Slicer's PyTorch extension, which is not there yet.\n\n"
            "Download and install it now? Slicer has to be restarted afterwards."
        )
        hint = "Install the extension PyTorch in the Extensions Manager, restart Slicer, then try again."
        if not self._system.confirm(question):
            return InstallOutcome(False, "The PyTorch extension is missing.", hint, wasDeclined=True)
        try:
            isInstalled = self._system.installExtension("PyTorch")
        except Exception as error:
            return InstallOutcome(False, "The PyTorch extension could not be installed.", hint, repr(error))
        if not isInstalled:
            return InstallOutcome(False, "The PyTorch extension could not be installed.", hint)
        return InstallOutcome(False, "The PyTorch extension is installed.", "Restart Slicer, then try again.")


def _question(missing):
    """What is installed, how large it is, and what it is for."""
    names = {Requirement(text).name for text in missing}
    packages = "\n".join(f"- {text}" for text in missing)
    if names <= set(AFTER_TORCH):
        purpose, size = "Training a network needs this package beside PyTorch.", "a few MB"
    elif "torch" in names:
        purpose = (
            "With PyTorch, RadiologyCNN runs its networks on this computer's NVIDIA GPU, and can do what needs "
            "PyTorch. Without it the processor runs them."
        )
        size = "up to 3 GB, some minutes"
    else:
        purpose = "RadiologyCNN needs these packages to run its networks on the processor."
        size = "less than 100 MB, about a minute" if "openvino" in names else "a few MB"
    return (
        f"{purpose}\n\n{packages}\n\nDownload and install them into Slicer now ({size})? No image leaves this computer."
    )


def _installTorch(torchInstaller, requirements):
    """Call the PyTorch extension's installer, whose own import of torch at the end is refused, as it should be."""
    try:
        with _keptOutOfThisProcess("torch"):
            torchInstaller()
    except Exception:
        if unmet(requirements):
            raise


def _success():
    return InstallOutcome(True, "Everything that is needed is installed.")


@contextlib.contextmanager
def _keptOutOfThisProcess(name):
    """Make importing a package fail for the block's time, unless it is loaded already.

    The PyTorch extension imports torch after it has installed it; in the Slicer process that can crash.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]
