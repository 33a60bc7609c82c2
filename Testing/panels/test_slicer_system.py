"""SlicerSystem: what is asked of a running Slicer so that packages and extensions are installed."""

import importlib.metadata
import sys
import types
from pathlib import Path

import pytest

from RadiologyCNNLib import SlicerSystem as SlicerSystemModule
from RadiologyCNNLib.SlicerSystem import SlicerSystem


@pytest.mark.parametrize(
    ("answer", "there"),
    [("echo 'GPU 0: NVIDIA A2000'", True), ("echo 'No devices were found'; exit 6", False), (None, False)],
)
def test_a_gpu_is_what_the_drivers_own_program_names(answer, there, tmp_path, monkeypatch):
    monkeypatch.setattr(SlicerSystem, "_hasNvidiaGpu", None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if answer else str(tmp_path))
    if answer:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{answer}\n")
        program.chmod(0o755)
    assert SlicerSystem().hasNvidiaGpu() is there


@pytest.mark.parametrize("hasPackaging", [True, False], ids=["5.12", "5.10"])
@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        (["pydicom>=3.0"], [["pydicom>=3.0", "-c", "numpy=={numpy}\ntorch=={torch}"]]),
        (["numpy>=1.26"], [["numpy>=1.26", "-c", "torch=={torch}"]]),
        # MONAI asks for a torch that may be newer than the one that fits this computer
        (["monai>=1.3"], [["monai>=1.3", "-c", "numpy=={numpy}\ntorch=={torch}"]]),
        # the last OpenVINO for Intel Macs asks for an older numpy than Slicer's, and runs with it
        (["openvino>=2025.0"], [["--no-deps", "openvino>=2025.0"]]),
        (
            ["openvino>=2025.0", "scipy>=1.11"],
            [["scipy>=1.11", "-c", "numpy=={numpy}\ntorch=={torch}"], ["--no-deps", "openvino>=2025.0"]],
        ),
    ],
)
def test_slicers_numpy_and_torch_are_not_replaced_and_stand_in_nobodys_way(
    monkeypatch, hasPackaging, requirements, expected
):
    """Another numpy under a running Slicer breaks it, another torch takes gigabytes; pip rather fails, and says why."""
    slicer = pytest.importorskip("slicer")
    asked = []

    def pip_install(arguments, requester=None):
        files = [arguments.index("-c") + 1] if "-c" in arguments else []
        asked.append([Path(one).read_text().strip() if n in files else one for n, one in enumerate(arguments)])

    packaging = types.ModuleType("slicer.packaging")
    packaging.pip_install = pip_install
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging if hasPackaging else None)
    if hasPackaging:
        monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    else:
        monkeypatch.delattr(slicer, "packaging", raising=False)
        monkeypatch.setattr(slicer, "util", types.SimpleNamespace(pip_install=pip_install))
    SlicerSystem().pipInstall(requirements)
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "torch")}
    assert asked == [[one.format(**versions) for one in call] for call in expected]


def test_a_slicer_without_torch_keeps_its_numpy(monkeypatch):
    asked = []
    monkeypatch.setattr(SlicerSystemModule, "is_installed", lambda name: name != "torch")
    monkeypatch.setattr(SlicerSystemModule, "_pip", lambda call: asked.append(Path(call[-1]).read_text()))
    SlicerSystem().pipInstall(["monai>=1.3"])
    assert asked == [f"numpy=={importlib.metadata.version('numpy')}\n"]


def test_the_question_about_the_extension_is_asked_once(monkeypatch):
    slicer = pytest.importorskip("slicer")
    told = []

    class Model:
        interactive = True

        def installExtensionFromServer(self, name, restart=True, update=False):
            told.append((name, restart, self.interactive))
            if name == "Gone":
                raise RuntimeError("no network")
            return True

    model = Model()
    monkeypatch.setattr(slicer, "app", types.SimpleNamespace(extensionsManagerModel=lambda: model), raising=False)
    assert SlicerSystem().installExtension("PyTorch") is True
    with pytest.raises(RuntimeError):
        SlicerSystem().installExtension("Gone")
    assert told == [("PyTorch", False, False), ("Gone", False, False)] and model.interactive


@pytest.mark.parametrize(
    ("name", "machine", "numpy", "expected"),
    [
        ("darwin", "x86_64", "2.4.6", False),
        ("darwin", "x86_64", "1.26.4", True),  # of an earlier Slicer
        ("darwin", "arm64", "2.4.6", True),
        ("win32", "AMD64", "2.4.6", True),
        ("linux", "x86_64", "2.4.6", True),
    ],
)
def test_only_intel_macs_with_a_newer_numpy_cannot_train(name, machine, numpy, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", name)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(importlib.metadata, "version", {"numpy": numpy}.__getitem__)
    assert SlicerSystem().canTrain() == expected
