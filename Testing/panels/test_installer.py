"""Installer: what it asks, what it installs, and what it says when that fails."""

import importlib
import importlib.metadata
import subprocess
import sys
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

import RadiologyCNNLib.Installer
from radiologycnn.networks.installed import is_installed
from RadiologyCNNLib.Installer import Installer
from RadiologyCNNLib.WorkerRequirements import COMMON_REQUIREMENTS, isMet

MISSING = "a-package-that-nobody-has>=1"


class FakeSystem:
    """Slicer, as the installer sees it, with an installation that goes as the test says."""

    def __init__(self):
        self.answer = True
        self.questions = []
        self.installed = []
        self.hasTorchExtension = True
        self.output = "Collecting things"
        self.error = None
        self.torchError = None
        self.otherPython = False
        self.testing = False
        self.busy = False
        self.gpu = False
        self.afterInstall = lambda: None

    def usesOtherPython(self):
        return self.otherPython

    def isTesting(self):
        return self.testing

    def hasNvidiaGpu(self):
        return self.gpu

    def isInstallerBusy(self):
        return self.busy

    def confirm(self, question):
        self.questions.append(question)
        return self.answer(question) if callable(self.answer) else self.answer

    def pipInstall(self, requirements):
        self.installed += requirements
        print(self.output)
        if self.error is not None:
            raise self.error
        self.afterInstall()

    def torchInstaller(self):
        return self._installTorch if self.hasTorchExtension else None

    def _installTorch(self):
        self.installed.append("torch")
        print(self.output)
        if self.torchError is not None:
            raise self.torchError
        self.afterInstall()
        importlib.import_module("torch")  # as the PyTorch extension does after it has installed torch

    def installExtension(self, name):
        self.installed.append(f"extension {name}")
        return True


@pytest.fixture
def system():
    return FakeSystem()


@pytest.fixture
def versions(monkeypatch):
    """Package versions as the metadata tells them; a package that is not named here is as it really is."""
    told = {}
    real = importlib.metadata.distribution

    def distribution(name):
        if name in told:
            if told[name] is None:
                raise importlib.metadata.PackageNotFoundError(name)
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {told[name]}\n\nThe text\nVersion: 9999\n"
            return SimpleNamespace(read_text=lambda file: metadata if file == "METADATA" else None)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    return told


def test_nothing_is_asked_where_nothing_is_missing(system):
    outcome = Installer(["numpy>=1"], system).ensure()
    assert outcome.isReady
    assert system.questions == []


def test_versions_that_are_too_old_are_missing(versions):
    versions["numpy"] = "1.20"
    assert not isMet(Requirement("numpy>=1.26"))
    versions["numpy"] = "2.0.0rc1"
    assert isMet(Requirement("numpy>=1.26"))


@pytest.mark.parametrize("name", ["torch", "openvino"])
@pytest.mark.parametrize("left", ["package", "metadata", "folder"])
def test_half_installed_package_is_missing(versions, monkeypatch, tmp_path, name, left):
    """Package without metadata, metadata without package, a folder alone: pip was ended, or a file was in use."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *(path for path in sys.path if "site-packages" not in path)])
    monkeypatch.delitem(sys.modules, name, raising=False)
    if left != "metadata":
        (tmp_path / name).mkdir()
    if left == "package":
        (tmp_path / name / "__init__.py").write_text("")
    versions[name] = None if left == "package" else "9999.0"
    importlib.invalidate_caches()
    assert not isMet(Requirement(f"{name}>=1"))
    assert is_installed(name) == (left == "package")


def test_versions_are_read_as_the_whole_metadata_say_them():
    for requirement in map(Requirement, COMMON_REQUIREMENTS):
        exact = Requirement(f"{requirement.name}=={importlib.metadata.version(requirement.name)}")
        assert isMet(exact)


def test_package_that_slicer_built_itself_counts_without_metadata(versions):
    versions["numpy"] = None
    assert isMet(Requirement("numpy>=1.26"))


def test_one_question_names_everything_and_no_means_no(system):
    system.answer = False
    outcome = Installer([MISSING, "another-missing-package"], system).ensure()
    assert (outcome.isReady, outcome.wasDeclined, system.installed) == (False, True, [])
    assert len(system.questions) == 1
    assert "a-package-that-nobody-has" in system.questions[0]
    assert "another-missing-package" in system.questions[0]


def test_installs_and_tells_its_progress(system, versions):
    versions["numpy"] = "1.0"
    system.afterInstall = lambda: versions.update(numpy="2.0")
    installer = Installer(["numpy>=1.26"], system)
    lines = []
    installer.progressed.connect(lines.append)
    assert installer.ensure().isReady
    assert system.installed == ["numpy>=1.26"]
    assert lines == ["Collecting things"]


def test_torch_comes_through_its_extension_and_is_not_imported_here(system, versions, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    versions["torch"] = "1.0"
    system.afterInstall = lambda: versions.update(torch="2.9")
    outcome = Installer(["torch>=2.2"], system).ensure()
    assert outcome.isReady
    assert system.installed == ["torch"]
    assert "torch" not in sys.modules


def test_without_the_pytorch_extension_it_is_offered(system, versions):
    versions["torch"] = "1.0"
    system.hasTorchExtension = False
    outcome = Installer(["torch>=2.2"], system).ensure()
    assert system.installed == ["extension PyTorch"]
    assert "Restart Slicer" in outcome.hint
    assert "Restart" in outcome.hint
    system.answer = False
    outcome = Installer(["torch>=2.2"], system).ensure()
    assert outcome.wasDeclined
    assert "Extensions Manager" in outcome.hint


@pytest.mark.parametrize(
    ("output", "reason", "hint"),
    [
        ("Downloading\nERROR: Could not install: [Errno 28] No space left on device", "No space left", "disk is full"),
        ("Retrying\nERROR: No matching distribution found for x\nnotice: new pip", "No matching", "update Slicer"),
        ("WARNING: getaddrinfo failed\nERROR: Could not find a version", "Could not find", "no connection"),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError: [Errno 101] Network is unreachable'\n"
            "ERROR: No matching distribution found for openvino>=2025.0",
            "No matching",
            "no connection",
        ),
        ("ERROR: Could not find a version for x (from versions: none)", "Could not find", "no connection"),
        (
            "ERROR: Could not install: [Errno 30] Read-only file system: '/x'",
            "Read-only",
            "into Applications",
        ),
        ("ERROR: Could not install: [WinError 5] Zugriff verweigert: 'C:\\x'", "WinError 5", "your own folder"),
        ("ERROR: Could not install: [WinError 32] Der Prozess kann nicht", "WinError 32", "virus scanner"),
        ("ERROR: Could not install: [WinError 112] Es steht nicht", "WinError 112", "disk is full"),
        (
            "ERROR: Could not install: [Errno 2] No such file or directory: 'C:\\x'\n"
            "HINT: This error might have occurred since this system does not have Windows Long Path support enabled.",
            "No such file",
            "too long for Windows",
        ),
        ("what pip said last", "what pip said last", "details"),
    ],
)
def test_failure_tells_pips_own_reason_and_can_be_tried_again(output, reason, hint, system):
    system.output = output
    system.error = subprocess.CalledProcessError(1, "pip install")
    installer = Installer([MISSING], system)
    outcome = installer.ensure()
    assert not outcome.isReady
    assert reason in outcome.message
    assert hint in outcome.hint
    assert output.splitlines()[-1] in outcome.details
    installer.ensure()
    assert len(system.questions) == 2


def test_installation_that_changes_nothing_is_not_called_a_success(system):
    outcome = Installer([MISSING], system).ensure()
    assert not outcome.isReady
    assert "Still missing" in outcome.message


def test_second_click_during_an_installation_does_not_start_another(system):
    installer = Installer([MISSING], system)
    outcomes = []
    system.afterInstall = lambda: outcomes.append(installer.ensure())
    installer.ensure()
    assert "under way" in outcomes[0].message
    assert len(system.installed) == 1


def test_tests_of_slicer_install_nothing(system):
    system.testing = True
    outcome = Installer([MISSING], system).ensure()
    assert (outcome.isReady, system.installed, system.questions) == (False, [], [])
    assert "a-package-that-nobody-has" in outcome.message


def test_another_python_of_the_persons_choice_is_left_alone(system):
    system.otherPython = True
    assert Installer([MISSING], system).isReady


# What suits the computer: OpenVINO for the processor, PyTorch where a GPU can use it


@pytest.fixture
def bare(versions):
    """A Slicer that has neither."""
    versions.update(openvino=None, torch=None)
    return versions


@pytest.fixture
def nothingFound(monkeypatch, bare):
    """Neither package can be found, whatever this Python holds; ``bare[name] = version`` makes one appear."""
    real = importlib.util.find_spec
    told = lambda name: name in bare and bare[name] is None  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if told(name) else real(name, *rest))
    return bare


def test_without_a_gpu_only_the_small_package_is_asked_for_and_installed(system, nothingFound):
    system.afterInstall = lambda: nothingFound.update(openvino="2026.1")
    installer = Installer(system=system)
    assert installer.missing() == ["openvino>=2025.0"]
    assert installer.ensure().isReady and installer.isReady
    assert system.installed == ["openvino>=2025.0"]
    (question,) = system.questions
    assert "100 MB" in question and "torch" not in question.lower() and "No image leaves" in question


def test_with_a_gpu_pytorch_is_offered_and_the_small_package_to_who_declines(system, nothingFound, monkeypatch):
    system.gpu = True
    system.answer = lambda question: "torch" not in question.lower()
    system.afterInstall = lambda: nothingFound.update(openvino="2026.1")
    installer = Installer(system=system)
    assert "torch>=2.2" in installer.missing()
    assert installer.ensure().isReady
    assert system.installed == ["openvino>=2025.0"]
    assert len(system.questions) == 2 and "3 GB" in system.questions[0] and "GPU" in system.questions[0]
    assert installer.isReady  # and nobody is asked again
    system.answer = False
    nothingFound.update(openvino=None)
    assert installer.isReady  # reading metadata at every click would take longer than much of the click
    monkeypatch.setattr(RadiologyCNNLib.Installer, "REMEMBERED_S", 0.0)  # a while later
    assert installer.ensure().wasDeclined


def test_with_a_gpu_pytorch_alone_is_enough(system, nothingFound, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    system.gpu = True
    system.afterInstall = lambda: nothingFound.update(torch="2.9")
    assert Installer(system=system).ensure().isReady
    assert system.installed == ["torch"] and len(system.questions) == 1


def test_who_has_pytorch_already_needs_nothing_else(system, nothingFound):
    nothingFound.update(torch="2.9")
    installer = Installer(system=system)
    assert installer.isReady and installer.ensure().isReady
    assert system.questions == []


def test_pytorch_is_installed_beside_openvino_where_the_person_asks(system, nothingFound, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    nothingFound.update(openvino="2026.1")
    installer = Installer(system=system)
    assert installer.isReady
    system.answer = False
    assert installer.ensure(withTorch=True).wasDeclined
    system.answer = True
    system.afterInstall = lambda: nothingFound.update(torch="2.9")
    assert installer.ensure(withTorch=True).isReady
    assert system.installed == ["torch"]
