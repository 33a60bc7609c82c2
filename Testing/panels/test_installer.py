"""Installer: what it asks, what it installs, and what it says when that fails."""

import importlib.util
import subprocess
import sys

import pytest
from panels.installer_system import FakeSystem

import RadiologyCNNLib.Installer
from RadiologyCNNLib.Installer import Installer

MISSING = "a-package-that-nobody-has>=1"


@pytest.fixture
def system():
    return FakeSystem()


def test_nothing_is_asked_where_nothing_is_missing(system):
    outcome = Installer(["numpy>=1"], system).ensure()
    assert outcome.isReady
    assert system.questions == []


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


def test_nothing_is_downloaded_that_could_not_train_here(system, nothingFound):
    """Slicer for Intel Macs: the last PyTorch for these does not fit Slicer's NumPy."""
    nothingFound.update(openvino="2025.4.1")
    system.trainable = False
    outcome = Installer(system=system).ensure(withTorch=True, toTrain=True)
    assert not outcome.isReady and "Mac" in outcome.message and "another computer" in outcome.hint
    assert system.questions == system.installed == []
    assert Installer(system=system).ensure().isReady


def test_a_torch_that_cannot_train_still_runs_networks_that_need_it(system, nothingFound, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    nothingFound.update(openvino="2025.4.1", monai=None)
    system.trainable = False
    system.afterInstall = lambda: nothingFound.update(torch="2.2.2")
    assert Installer(system=system).ensure(withTorch=True).isReady
    assert system.installed == ["torch"]


def test_what_trains_comes_after_the_torch_it_goes_by(system, nothingFound, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    nothingFound.update(openvino="2026.1", monai=None)
    installer = Installer(system=system)
    assert installer.isReady  # networks run without it
    system.afterInstall = lambda: nothingFound.update(
        torch="2.9", **({"monai": "1.5"} if nothingFound["torch"] else {})
    )
    assert installer.ensure(withTorch=True).isReady
    assert system.installed == ["torch", "monai>=1.3"]
    assert "monai" in system.questions[0] and "torch" in system.questions[0] and len(system.questions) == 1


def test_who_has_pytorch_is_asked_for_the_small_rest_alone(system, nothingFound):
    nothingFound.update(openvino="2026.1", torch="2.9", monai=None)
    system.hasTorchExtension = False  # not needed for it
    system.afterInstall = lambda: nothingFound.update(monai="1.5")
    assert Installer(system=system).ensure(withTorch=True).isReady
    assert system.installed == ["monai>=1.3"]
    assert "a few MB" in system.questions[0] and "3 GB" not in system.questions[0]
