"""Adding the exported network to a model package, so that it runs without torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from radiologycnn.errors import InputError, RadiologyCNNError, ResourceError
from radiologycnn.file_replacing import whole_file
from radiologycnn.models.description import DESCRIPTION_NAME
from radiologycnn.models.package import ONNX_NAME, WEIGHTS_NAME, ModelPackage, load_package
from radiologycnn.models.weights import load_network, save_package
from radiologycnn.tasks import HEMORRHAGE_TASK


def export_package(package: ModelPackage, folder: str | Path | None = None) -> ModelPackage:
    """Write ``network.onnx`` and its hash in ``model.json``.

    Args:
        package: a usable one.
        folder: gets a copy of the package with the exported network; None adds it to the package itself.

    Returns:
        The package as it is now, read back and checked.

    Raises:
        InputError: its network cannot be exported, or it is a zip and no folder is given.
        ResourceError: onnx or torch is not installed, or the folder cannot be written to.
    """
    from radiologycnn.networks.installed import start_torch

    if folder is None and not package.path.is_dir():
        raise InputError(
            "no-folder", f"{package.path.name} is a zip, to which nothing can be added.", "Name a folder with --output."
        )
    start_torch()
    from radiologycnn.networks.onnx_export import export_network

    content = export_network(load_network(package), network_grid(package))
    record = package.read_description()
    record["onnx_sha256"] = hashlib.sha256(content).hexdigest()
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    target = Path(folder) if folder is not None else package.path
    try:
        target.mkdir(parents=True, exist_ok=True)
        files = {WEIGHTS_NAME: package.read_weights()} if folder is not None else {}
        # The description last: until then the package is what it was.
        for name, data in {**files, ONNX_NAME: content, DESCRIPTION_NAME: text.encode("utf-8")}.items():
            with whole_file(target / name) as file:
                file.write(data)
    except OSError as error:
        raise _cannot_write(target, error) from error
    return load_package(target)


def export_rounded(package: ModelPackage, folder: str | Path) -> ModelPackage:
    """A copy of the package in half the bytes: weights rounded to float16, and the network exported from these.

    The copy is another network, by a hair: figures on its card were measured with the weights as they were.

    Raises:
        InputError: float16 cannot hold the weights, the folder is the package's own, or as :func:`export_package`.
        ResourceError: as :func:`export_package`.
    """
    from radiologycnn.networks.installed import start_torch

    if Path(folder).resolve() == package.path.resolve():
        raise InputError("same-folder", "Rounding cannot be undone, so it makes a copy.", "Name another folder.")
    start_torch()
    record = package.read_description()
    try:
        copy = save_package(folder, load_network(package).state_dict(), record, half=True)
    except OSError as error:
        raise _cannot_write(Path(folder), error) from error
    return export_package(copy)


def export_if_possible(package: ModelPackage) -> tuple[ModelPackage, str]:
    """As :func:`export_package`; where that cannot be, the package as it was and a sentence that says why."""
    try:
        return export_package(package), ""
    except RadiologyCNNError as error:
        return package, f"Without an exported network, the model needs PyTorch: {error.message} {error.hint}".strip()


def _cannot_write(folder: Path, error: OSError) -> ResourceError:
    reason = error.strerror or error
    return ResourceError("cannot-write", f"{folder} could not be written to ({reason}).", "Choose another folder.")


def network_grid(package: ModelPackage) -> tuple[int, int, int]:
    """Shape (K, J, I) of what the package's preprocessing gives its network."""
    if package.task == HEMORRHAGE_TASK:
        from radiologycnn.hemorrhage.preprocessing import Preprocessing as HeadPreprocessing

        i, j, k = HeadPreprocessing.from_dict(package.preprocessing).grid_shape_ijk
        return k, j, i
    from radiologycnn.rotatorcuff.preprocessing import Preprocessing as ShoulderPreprocessing

    return ShoulderPreprocessing.from_dict(package.preprocessing).shape
