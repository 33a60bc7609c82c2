"""The improved model's package: next version, and a card that says what it learned from and how it was checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiologycnn.file_replacing import replace_path
from radiologycnn.models.catalog import list_models
from radiologycnn.models.export import export_if_possible
from radiologycnn.models.package import ModelPackage, load_package
from radiologycnn.models.weights import save_package
from radiologycnn.training.improvement.settings import ImprovementSettings

if TYPE_CHECKING:
    from torch import Tensor

_TITLE_SIGN = " · improved on "


def next_version(base: ModelPackage, output: Path) -> str:
    """The base's version with the middle number raised until no model has it."""
    major, minor, _patch = map(int, base.version.split("."))
    taken = {package.version for package in list_models() if package.name == base.name}
    while True:
        minor += 1
        version = f"{major}.{minor}.0"
        if version not in taken and not (output / f"{base.name}-{version}").exists():
            return version


def write_improved(
    base: ModelPackage,
    weights: Mapping[str, Tensor],
    record: Mapping[str, Any],
    settings: ImprovementSettings,
    sources: Sequence[str],
    output: Path,
) -> ModelPackage:
    """Write ``<output>/<name>-<version>/``, whole or not at all.

    Args:
        record: of ``improve_model``: base, before, after, earlier, new_share, learned_from.
        sources: fingerprints of all scans that the model or one before it has learned from.
    """
    version = next_version(base, output)
    learned, raters = record["learned_from"], record["learned_from"]["raters"]
    held_out = {
        "data": f"{learned['held_out']} corrected cases of other patients, on the network's grid",
        "dice_mean": round(record["after"]["dice"], 4),
        f"dice_mean_of_{base.id}": round(record["before"]["dice"], 4),
    }
    description = base.read_description()
    # Whether the probabilities can still be trusted is not known: the held-out cases are too few to say.
    description.pop("lowest_threshold", None)
    description.update(
        version=version,
        title=f"{base.title.split(_TITLE_SIGN)[0]}{_TITLE_SIGN}{learned['cases']} cases",
        training_data=(
            f"{base.training_data.rstrip()} Then fine-tuned from {base.id} (weights {base.weights_sha256[:12]}…) on "
            f"{learned['cases']} head CTs with masks corrected by {_raters(raters)}"
            + (f", mixed with {learned['simulated']} simulated ones." if learned["simulated"] else ".")
            + (" Its weights lie half way to those learned, which forgets less." if record["new_share"] < 1 else "")
        ),
        performance={"held_out": held_out, "simulated_check": record["earlier"], base.id: dict(base.performance)},
        improvement={
            "base": dict(record["base"]),
            **learned,
            "new_share": record["new_share"],
            "settings": settings.to_dict(),
            "held_out_dice": {"before": record["before"]["dice"], "after": record["after"]["dice"]},
            "sources": list(sources),
        },
    )
    output.mkdir(parents=True, exist_ok=True)
    folder = output / f"{base.name}-{version}"
    unfinished = output / f".{folder.name}.{os.getpid()}.part"
    try:
        export_if_possible(save_package(unfinished, weights, description))
        replace_path(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return load_package(folder)


def _raters(raters: Sequence[str]) -> str:
    return f"{len(raters)} rater{'' if len(raters) == 1 else 's'} ({', '.join(raters)})"
