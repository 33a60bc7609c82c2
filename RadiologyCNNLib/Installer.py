"""Installer: the Python packages that the worker needs, with consent, the real reason on failure, and a retry.

It asks package metadata only and imports none of the packages: torch never enters the Slicer process. Everything
that touches Slicer (questions, pip, the PyTorch extension) is handed in, so that the decisions are tested without it.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from RadiologyCNNLib.Signal import Signal

TORCH_VERSION = ">=2.2"
OPENVINO_VERSION = ">=2025.0"
#: What the worker imports in any case. Slicer brings these; another extension may have broken one of them.
COMMON_REQUIREMENTS = ("numpy>=1.26", "scipy>=1.11", "pydicom>=3.0", "SimpleITK>=2.3", "requests>=2.31")
#: What runs the networks on the processor.
CPU_REQUIREMENTS = (f"openvino{OPENVINO_VERSION}", *COMMON_REQUIREMENTS)
#: What runs them on an NVIDIA GPU, and the little that OpenVINO cannot do.
TORCH_REQUIREMENTS = (f"torch{TORCH_VERSION}", "safetensors>=0.4", *COMMON_REQUIREMENTS)
KEPT_LINES = 40
#: Words of an installer's output that mark the line with the reason, the most telling first.
_REASON_MARKS = ("No space left", "ERROR:", "error:", "Error")
_HINTS = (
    ("No space left", "The disk is full: free some gigabytes, then try again."),
    ("getaddrinfo", "There is no connection to the internet: check network and proxy, then try again."),
    ("Name or service not known", "There is no connection to the internet: check network and proxy, then try again."),
    ("Temporary failure in name", "There is no connection to the internet: check network and proxy, then try again."),
    ("ProxyError", "The proxy refuses the connection: ask whoever runs the network, then try again."),
    ("CERTIFICATE_VERIFY_FAILED", "The connection is not trusted: ask whoever runs the network, then try again."),
    ("Permission denied", "Slicer's folder may not be written to: install Slicer into your own folder."),
    ("WinError 5", "A file is in use: restart Slicer and try again before doing anything else."),
    ("WinError 206", "Slicer's path is too long for Windows: install Slicer into a shorter folder."),
    ("ResolutionImpossible", "No version fits this Slicer's own packages: update Slicer, then try again."),
    ("No matching distribution", "No suitable version exists for this Slicer: update Slicer, then try again."),
)


@dataclass(frozen=True)
class InstallOutcome:
    """How an installation ended: message and hint are for the person, details (the last lines) for the log."""

    isReady: bool
    message: str
    hint: str = ""
    details: str = ""
    wasDeclined: bool = False
    needsRestart: bool = False


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

    @property
    def isInstalling(self):
        """Whether an installation is under way: buttons must not start another one."""
        return self._isInstalling

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
        lacking = []
        for requirements in self.sets():  # reading metadata takes milliseconds of each click: no further than needed
            lacking.append(_unmet(requirements))
            if not lacking[-1]:
                return []
        return lacking[0]

    @property
    def isReady(self):
        """Whether the worker finds all that it needs."""
        return not self.missing()

    def ensure(self, withTorch=False):
        """Install what is missing after a question; call it again for a retry. Returns an ``InstallOutcome``.

        With ``withTorch`` PyTorch is installed also where the networks run without it. Where it is only offered and the
        person does not want it, the small set is offered instead.
        """
        if self._system.usesOtherPython() and withTorch:
            return InstallOutcome(False, "The worker uses a Python of your own.", "Install PyTorch there with pip.")
        wanted = [TORCH_REQUIREMENTS] if withTorch else list(self.sets()[:1]) if self.missing() else []
        if not wanted or not _unmet(wanted[0]):
            return _success()
        if self._isInstalling or self._system.isInstallerBusy():
            return InstallOutcome(False, "Another installation is under way.", "Wait until it is done, then try again.")
        if self._system.isTesting():
            names = ", ".join(_unmet(wanted[0]))
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
        missing = _unmet(requirements)
        needsTorch = any(Requirement(text).name == "torch" for text in missing)
        others = [text for text in missing if Requirement(text).name != "torch"]
        torchInstaller = None
        if needsTorch:
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
        lines = _LastLines(self.progressed.emit)
        try:
            with contextlib.redirect_stdout(lines):
                if others:
                    self._system.pipInstall(others)
                if needsTorch:
                    with _keptOutOfThisProcess("torch"):
                        torchInstaller()
        except Exception as error:
            if not _unmet(requirements):
                return _success()  # only the installer's own import of torch was refused, as it should be
            return _failure(error, lines.text)
        stillMissing = _unmet(requirements)
        if stillMissing:
            message = f"Still missing after the installation: {', '.join(stillMissing)}."
            return InstallOutcome(False, message, "Restart Slicer, then try again.", lines.text, needsRestart=True)
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
        return InstallOutcome(
            False, "The PyTorch extension is installed.", "Restart Slicer, then try again.", needsRestart=True
        )


def _unmet(requirements):
    """Those that are not met, as strings."""
    importlib.invalidate_caches()  # pip has run in another process
    return [text for text in requirements if not isMet(Requirement(text))]


def isMet(requirement):
    """Whether a requirement is met, from the package's metadata alone.

    A package without metadata (Slicer builds some itself) counts where it can be found; a half-installed torch has
    metadata but no module, or the other way round, and does not count.
    """
    isThere = _isFound(requirement.name)
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return isThere and requirement.name != "torch"
    return bool(isThere and version and requirement.specifier.contains(version, prereleases=True))


def _isFound(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return name in sys.modules


def _question(missing):
    """What is installed, how large it is, and what it is for."""
    names = {Requirement(text).name for text in missing}
    packages = "\n".join(f"- {text}" for text in missing)
    if "torch" in names:
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


def _success():
    return InstallOutcome(True, "Everything that is needed is installed.")


def _failure(error, output):
    """The outcome of a failed installation, with the line that holds the reason and what can be done about it."""
    lines = [line for line in output.splitlines() if line.strip()]
    reason = next((line for mark in _REASON_MARKS for line in reversed(lines) if mark in line), "")
    if not reason:
        isProcess = isinstance(error, subprocess.CalledProcessError)
        reason = lines[-1] if isProcess and lines else f"{type(error).__name__}: {error}"
    text = f"{output}\n{error}"
    hint = next((hint for mark, hint in _HINTS if mark in text), "Look at the details, then try again.")
    return InstallOutcome(False, f"The installation failed: {reason.strip()}", hint, f"{output}\n{error!r}".strip())


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


@contextlib.contextmanager
def _numpyKept(requirements):
    """Path of a constraints file for pip by which Slicer's own numpy stays as it is: a running Slicer, and much of
    what is built into it, does not bear another. None where numpy itself is to be installed."""
    if any(Requirement(text).name == "numpy" for text in requirements):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="RadiologyCNN-pip-") as folder:
        path = Path(folder) / "constraints.txt"
        path.write_text(f"numpy=={importlib.metadata.version('numpy')}\n", encoding="utf-8")
        yield path


class _LastLines(io.TextIOBase):
    """Stands in for stdout: passes everything on, and keeps the last lines."""

    def __init__(self, onLine):
        self._passOn = sys.stdout
        self._onLine = onLine
        self._lines = deque(maxlen=KEPT_LINES)
        self._rest = ""

    def write(self, text):
        if self._passOn is not None:
            self._passOn.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self._lines.append(line)
                self._onLine(line)
        return len(text)

    def flush(self):
        if self._passOn is not None:
            self._passOn.flush()

    @property
    def text(self):
        """The last lines, as one text."""
        return "\n".join([*self._lines, self._rest]).strip()


def _listsNvidiaGpu():
    """Whether the driver's own program names a GPU."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        done = subprocess.run([program, "-L"], capture_output=True, timeout=5, creationflags=flags, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and done.stdout.strip().startswith(b"GPU")


class SlicerSystem:
    """What the installer asks of a running Slicer."""

    _hasNvidiaGpu = None

    def usesOtherPython(self):
        """Whether the person has set another Python for the worker."""
        import slicer

        return bool(slicer.util.settingsValue("RadiologyCNN/WorkerPython", ""))

    def isTesting(self):
        """Whether Slicer runs its tests, which must not change its Python."""
        import slicer

        return bool(slicer.app.testingEnabled())

    def hasNvidiaGpu(self):
        """Whether there is an NVIDIA GPU with a driver; asked once, and without loading anything into Slicer."""
        if SlicerSystem._hasNvidiaGpu is None:
            SlicerSystem._hasNvidiaGpu = _listsNvidiaGpu()
        return SlicerSystem._hasNvidiaGpu

    def isInstallerBusy(self):
        """Whether somebody else's installation is under way."""
        try:
            from slicer import packaging
        except ImportError:  # before Slicer 5.12
            return False
        return packaging.isPipInstallInProgress()

    def confirm(self, question):
        """Ask the person; whether the answer was OK."""
        import slicer

        return bool(slicer.util.confirmOkCancelDisplay(question, "RadiologyCNN"))

    def pipInstall(self, requirements):
        """Install packages with a progress dialog."""
        try:
            from slicer import packaging
        except ImportError:
            import slicer

            slicer.util.pip_install(" ".join(f'"{text}"' for text in requirements))
        else:
            with _numpyKept(requirements) as constraints:
                packaging.pip_install(list(requirements), constraints=constraints, requester="RadiologyCNN")

    def torchInstaller(self):
        """A function that installs the torch that fits this computer; None without the PyTorch extension."""
        try:
            import PyTorchUtils
        except ImportError:
            return None
        # the one question of ``Installer`` has been answered by then: no second one
        return lambda: PyTorchUtils.PyTorchUtilsLogic().installTorch(
            askConfirmation=False, torchVersionRequirement=TORCH_VERSION
        )

    def installExtension(self, name):
        """Install a Slicer extension without restarting at once; whether that worked."""
        import slicer

        return bool(slicer.app.extensionsManagerModel().installExtensionFromServer(name, False))
