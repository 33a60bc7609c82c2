"""The design's arrows hold: who may import whom, and torch never reaches the Slicer process."""

import ast
import subprocess
import sys
from pathlib import Path

SLICER_SIDE = ("HemorrhageSeg", "RotatorCuffCNN", "RadiologyCNNLib")
SLICER_PACKAGES = {"slicer", "qt", "ctk", "vtk"}
#: What the Slicer process may import of the engine: records, labels and catalogues, no heavier than numpy.
LIGHT_ENGINE = (
    "radiologycnn",
    "radiologycnn.annotation.dataset",
    "radiologycnn.annotation.records",
    "radiologycnn.annotation.scan_folder",
    "radiologycnn.annotation.store",
    "radiologycnn.annotation.training_masks",
    "radiologycnn.awake_clock",
    "radiologycnn.errors",
    "radiologycnn.evaluation.words",
    "radiologycnn.hemorrhage.labels",
    "radiologycnn.hemorrhage.mask_values",
    "radiologycnn.hemorrhage.results",
    "radiologycnn.hemorrhage.thresholding",
    "radiologycnn.images.affine",
    "radiologycnn.images.boxes",
    "radiologycnn.images.nifti",
    "radiologycnn.images.png",
    "radiologycnn.images.volume",
    "radiologycnn.models.package",
    "radiologycnn.models.catalog",
    "radiologycnn.networks.activation",
    "radiologycnn.networks.installed",
    "radiologycnn.readers.answers",
    "radiologycnn.readers.comparison_words",
    "radiologycnn.readers.marks",
    "radiologycnn.readers.reading",
    "radiologycnn.readers.study",
    "radiologycnn.rotatorcuff.caution",
    "radiologycnn.rotatorcuff.report_page",
    "radiologycnn.rotatorcuff.results",
    "radiologycnn.rotatorcuff.tear_classes",
    "radiologycnn.simulation.samples",
    "radiologycnn.tasks",
    "radiologycnn.worker.array_files",
    "radiologycnn.worker.process_environment",
    "radiologycnn.worker.protocol",
)
HEAVY = ("torch", "scipy", "SimpleITK", "pydicom", "monai", "safetensors")


def python_files(repository: Path, *folders: str) -> list[Path]:
    files = [path for folder in folders for path in sorted((repository / folder).rglob("*.py"))]
    assert files, folders
    return files


def imported_modules(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file; ``from a import b`` gives a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def top_level(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def test_engine_knows_nothing_of_slicer(repository: Path) -> None:
    for path in python_files(repository, "radiologycnn"):
        forbidden = top_level(imported_modules(path)) & (SLICER_PACKAGES | set(SLICER_SIDE))
        assert not forbidden, f"{path} imports {forbidden}"


def test_slicer_side_imports_no_torch(repository: Path) -> None:
    for path in python_files(repository, *SLICER_SIDE):
        forbidden = top_level(imported_modules(path)) & {"torch", "monai", "safetensors"}
        assert not forbidden, f"{path} imports {forbidden}"


def test_slicer_side_imports_only_light_engine_modules(repository: Path) -> None:
    for path in python_files(repository, *SLICER_SIDE):
        for name in imported_modules(path):
            if name.split(".")[0] != "radiologycnn":
                continue
            module = repository / (name.replace(".", "/") + ".py")
            is_module = module.exists() or (repository / name.replace(".", "/")).is_dir()
            if is_module and name not in LIGHT_ENGINE:
                package = [light for light in LIGHT_ENGINE if light.startswith(name + ".")]
                assert package, f"{path} imports {name}, which is not among the light modules"


def test_shared_library_does_not_import_panels(repository: Path) -> None:
    for path in python_files(repository, "RadiologyCNNLib"):
        forbidden = {n for n in top_level(imported_modules(path)) if n.startswith(("HemorrhageSeg", "RotatorCuffCNN"))}
        assert not forbidden, f"{path} imports {forbidden}"


def test_light_modules_load_nothing_heavy(repository: Path) -> None:
    """Imported one after the other in one process, so that the first that brings something heavy along is named."""
    program = f"""
import importlib, sys
for name in {LIGHT_ENGINE!r}:
    importlib.import_module(name)
    found = [heavy for heavy in {HEAVY!r} if heavy in sys.modules]
    if found:
        sys.exit(f"{{name}} loads {{found}}")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=repository, check=False)
    assert done.returncode == 0, done.stderr
