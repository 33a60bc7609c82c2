"""SlicerSystem: what the installer asks of a running Slicer: questions, pip, the PyTorch extension, the GPU."""

import contextlib
import importlib.metadata
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from radiologycnn.networks.installed import is_installed
from RadiologyCNNLib.WorkerRequirements import TORCH_VERSION

#: Installed without what its metadata asks for. Slicer's numpy is there, also where the metadata was written before it:
#: the last OpenVINO for Intel Macs (2025.4.1), which Slicer for Macs needs, asks for numpy<2.4 and runs with 2.4.6. The
#: rest is a package that would report to OpenVINO's maker.
_INSTALLED_ALONE = ("openvino",)


#: Kept as they are when other packages are installed. A running Slicer, and much of what is built into it, does not
#: bear another numpy; another torch would take gigabytes, and may not fit the GPU.
_KEPT = ("numpy", "torch")


@contextlib.contextmanager
def _versionsKept(requirements):
    """Arguments for pip by which those of ``_KEPT`` that are there stay as they are, where they are not asked for."""
    wanted = {Requirement(text).name for text in requirements}
    kept = [name for name in _KEPT if name not in wanted and is_installed(name)]
    if not kept:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="RadiologyCNN-pip-") as folder:
        path = Path(folder) / "constraints.txt"
        lines = [f"{name}=={importlib.metadata.version(name)}\n" for name in kept]
        path.write_text("".join(lines), encoding="utf-8")
        yield ["-c", str(path)]


def _pip(arguments):
    """``pip install`` with a progress dialog, where this Slicer has one."""
    try:
        from slicer import packaging
    except ImportError:  # before Slicer 5.12
        import slicer

        slicer.util.pip_install(arguments)
    else:
        packaging.pip_install(arguments, requester="RadiologyCNN")


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
        from RadiologyCNNLib.QtWorkerProcess import workerPython  # here, as all of Slicer: it imports qt

        return workerPython()[1]

    def isTesting(self):
        """Whether Slicer runs its tests, which must not change its Python."""
        import slicer

        return bool(slicer.app.testingEnabled())

    def hasNvidiaGpu(self):
        """Whether there is an NVIDIA GPU with a driver; asked once, and without loading anything into Slicer."""
        if SlicerSystem._hasNvidiaGpu is None:
            SlicerSystem._hasNvidiaGpu = _listsNvidiaGpu()
        return SlicerSystem._hasNvidiaGpu

    def canTrain(self):
        """Whether a PyTorch exists that trains in Slicer's Python.

        The last one for Intel Macs, 2.2.2, was made for NumPy 1; Slicer for Intel Macs is what other Macs run, too.
        """
        isIntelMac = sys.platform == "darwin" and platform.machine() == "x86_64"
        return not isIntelMac or importlib.metadata.version("numpy").startswith("1.")

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
        alone = [text for text in requirements if Requirement(text).name in _INSTALLED_ALONE]
        others = [text for text in requirements if text not in alone]
        if others:
            with _versionsKept(others) as constraints:
                _pip([*others, *constraints])
        if alone:
            _pip(["--no-deps", *alone])

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

        model = slicer.app.extensionsManagerModel()
        # the person has been asked by then; a No to the same question again would look like a failure
        wasInteractive, model.interactive = model.interactive, False
        try:
            return bool(model.installExtensionFromServer(name, False))
        finally:
            model.interactive = wasInteractive
