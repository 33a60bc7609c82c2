"""What Slicer's build and the Extensions Index need: every file listed, metadata present and agreeing."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = ("HemorrhageSeg", "RotatorCuffCNN")
INSTALLED_FLAT = (*MODULES, "RadiologyCNNLib")
METADATA = (
    "EXTENSION_HOMEPAGE",
    "EXTENSION_CATEGORY",
    "EXTENSION_CONTRIBUTORS",
    "EXTENSION_DESCRIPTION",
    "EXTENSION_ICONURL",
    "EXTENSION_SCREENSHOTURLS",
    "EXTENSION_DEPENDS",
)


def extension_metadata(repository: Path) -> dict[str, str]:
    return dict(re.findall(r'^set\((EXTENSION_\w+) "(.*)"\)$', (repository / "CMakeLists.txt").read_text(), re.M))


def shipped_files(folder: Path) -> set[str]:
    patterns = ("*.py", "Resources/**/*.ui", "Resources/**/*.png", "Resources/**/*.txt", "Resources/**/*.json")
    return {str(path.relative_to(folder)) for pattern in patterns for path in folder.rglob(pattern)}


def test_metadata_is_complete(repository: Path) -> None:
    metadata = extension_metadata(repository)
    assert set(METADATA) <= set(metadata)
    assert all(metadata.values())
    assert ";" not in metadata["EXTENSION_DESCRIPTION"], "Slicer cuts the description at a semicolon"


def test_index_entry_agrees_with_cmake(repository: Path) -> None:
    entry = json.loads((repository / "RadiologyCNN.json").read_text())
    metadata = extension_metadata(repository)
    assert "project(RadiologyCNN)" in (repository / "CMakeLists.txt").read_text()
    assert entry["build_dependencies"] == metadata["EXTENSION_DEPENDS"].split(";")
    assert entry["category"] == metadata["EXTENSION_CATEGORY"]
    assert entry["scm_url"] == metadata["EXTENSION_HOMEPAGE"]
    assert list(entry) == sorted(entry)
    allowed = {"$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies"}
    assert set(entry) <= allowed | {"build_subdirectory", "dicom_support_rule", "enabled", "tier"}


@pytest.mark.parametrize("variable", ["EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"])
def test_pictures_behind_the_urls_exist(variable: str, repository: Path) -> None:
    for url in extension_metadata(repository)[variable].split():
        assert (repository / url.split("/main/")[1]).is_file(), url


@pytest.mark.parametrize(
    "icon", ["Resources/Icons/RadiologyCNN.png", *(f"{module}/Resources/Icons/{module}.png" for module in MODULES)]
)
def test_icons_are_128_pixels_square(icon: str, repository: Path) -> None:
    header = (repository / icon).read_bytes()[:24]
    assert struct.unpack(">II", header[16:24]) == (128, 128)


@pytest.mark.parametrize("folder", INSTALLED_FLAT)
def test_every_file_is_listed_in_cmake(folder: str, repository: Path) -> None:
    text = (repository / folder / "CMakeLists.txt").read_text().replace("${MODULE_NAME}", folder)
    listed = set(re.findall(r"[\w./-]+\.(?:py|ui|png|txt|json)\b", text)) - {"CMakeLists.txt"}
    assert listed == shipped_files(repository / folder)


def test_file_names_are_unique_in_the_flat_install_folder(repository: Path) -> None:
    installed = [name for module in MODULES for name in shipped_files(repository / module)]
    assert len(installed) == len(set(installed))


@pytest.mark.parametrize("module", MODULES)
def test_self_test_is_registered(module: str, repository: Path) -> None:
    text = (repository / module / "CMakeLists.txt").read_text().replace("${MODULE_NAME}", module)
    assert f"slicer_add_python_unittest(SCRIPT {module}.py" in text


@pytest.mark.parametrize(
    ("module", "marks"),
    [
        ("HemorrhageSeg", {"Segmentations": "vtkSlicerSegmentationsModuleLogic"}),
        ("RotatorCuffCNN", {"Colors": "slicer.modules.colors", "Markups": "vtkMRMLMarkupsROINode"}),
    ],
)
def test_modules_that_a_panel_cannot_do_without_are_loaded_before_it(module, marks, repository: Path) -> None:
    """Others, as plots and volume rendering, are asked for where they are used."""
    text = (repository / module / f"{module}.py").read_text()
    assert f"parent.dependencies = {json.dumps(sorted(marks))}" in text
    code = "".join(path.read_text() for path in (repository / module).rglob("*.py"))
    assert all(mark in code for mark in marks.values())


@pytest.mark.parametrize("module", MODULES)
def test_every_subdirectory_is_built(module: str, repository: Path) -> None:
    assert f"add_subdirectory({module})" in (repository / "CMakeLists.txt").read_text()


def test_clone_stays_small(repository: Path) -> None:
    """The Extensions Index refuses clones over 100 MB; models and pictures are what could grow."""
    resources = sum(path.stat().st_size for path in (repository / "Resources").rglob("*") if path.is_file())
    assert resources < 25e6


def test_worker_of_an_installed_extension_finds_the_bundled_models(repository: Path, tmp_path: Path) -> None:
    """Slicer's build lays modules, engine and Resources into one folder."""
    shutil.copytree(
        repository / "radiologycnn", tmp_path / "radiologycnn", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(repository / "Resources" / "Models", tmp_path / "Resources" / "Models")
    environment = {name: value for name, value in os.environ.items() if name != "RADIOLOGYCNN_MODELS"}
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "radiologycnn.worker"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path / "home")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        worker.stdin.write('{"cmd": "models", "job": "1"}\n')
        worker.stdin.flush()
        messages = (json.loads(line) for line in worker.stdout)
        answer = next(message for message in messages if message["event"] in ("result", "error"))
        worker.stdin.close()
    bundled = {folder.name for folder in (repository / "Resources" / "Models").iterdir()}
    assert {model["id"]: model["problem"] for model in answer["models"]} == dict.fromkeys(bundled, "")
