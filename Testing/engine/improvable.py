"""A small model that knows fresh bleeds only, and annotation datasets of small scans to improve it with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from engine.model_card import model_card

from radiologycnn.annotation.records import Decision, Mask
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.hemorrhage.mask_values import types_text

SHAPE = (16, 32, 32)
MATRIX = np.diag([5.0, 5.0, 8.0, 1.0])
FRESH_HU, OLD_HU = 68.0, 10.0


def small_scan(seed: int, bleed_hu: float) -> tuple[np.ndarray, np.ndarray]:
    """A box of brain at 30 HU with noise, and a ball of blood in it: HU int16 and mask uint8, both (K, J, I)."""
    rng = np.random.default_rng(seed)
    k, j, i = np.indices(SHAPE)
    centre = rng.uniform((5, 10, 10), (11, 22, 22))
    mask = (1.3 * (k - centre[0])) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2 < rng.uniform(14, 36)
    array = np.full(SHAPE, -1000.0)
    array[1:-1, 3:-3, 3:-3] = 30
    array[mask] = bleed_hu
    array += 2.0 * rng.standard_normal(SHAPE)
    return np.round(array).astype(np.int16), mask.astype(np.uint8)


def small_model(folder: Path) -> Path:
    """Train CNN-DS for some seconds on fresh bleeds, brighter than brain, alone; its package's folder."""
    from radiologycnn.hemorrhage.labels import HEMORRHAGE
    from radiologycnn.hemorrhage.preprocessing import Preprocessing
    from radiologycnn.images.volume import Volume
    from radiologycnn.models.weights import save_package
    from radiologycnn.training.hemorrhage.cases import prepare_case, save_case
    from radiologycnn.training.hemorrhage.settings import TrainingSettings
    from radiologycnn.training.hemorrhage.trainer import architecture_of, train

    preprocessing = Preprocessing((32, 32, 16), order="clamp_then_resample", antialias=True)
    for number in range(10):
        array, mask = small_scan(number, FRESH_HU)
        volume = Volume(array=array, ijk_to_lps=MATRIX, modality="CT", name="", notes=(), provenance={})
        save_case(prepare_case(f"c{number}", volume, mask, preprocessing), folder / "cases")
    paths = sorted((folder / "cases").glob("*.npz"))
    changes = {"grid_shape_ijk": (32, 32, 16), "base_filters": 4, "epochs": 12, "coarse_epochs": 0, "seed": 1}
    changes["weight_average"] = 0.0  # so short a training gains nothing by it
    changes["autocast"] = False  # the same model on every processor
    settings = TrainingSettings.from_preset("default", {**changes, "learning_rate": 5e-3})
    result = train(paths[:9], paths[9:], settings, folder / "training")
    description = model_card(
        name="small",
        version="0.2.1",
        task="hemorrhage-segmentation",
        title="Small",
        architecture=architecture_of(settings),
        preprocessing=preprocessing.to_dict(),
        labels=[HEMORRHAGE.to_dict()],
        training_data="Bright balls.",
    )
    return save_package(folder / "models" / "small-0.2.1", result.state_dict, description).path


def untrained_model_of_types(folder: Path) -> Path:
    """A network of the five types that has learned nothing yet; its package's folder."""
    import torch

    from radiologycnn.hemorrhage.labels import BLEED_TYPES
    from radiologycnn.hemorrhage.preprocessing import Preprocessing
    from radiologycnn.models.weights import save_package
    from radiologycnn.networks.architectures import build_network
    from radiologycnn.training.hemorrhage.settings import TrainingSettings
    from radiologycnn.training.hemorrhage.trainer import architecture_of

    changes = {"grid_shape_ijk": (32, 32, 16), "coarse_epochs": 0, "base_filters": 4, "types": True}
    architecture = architecture_of(TrainingSettings.from_preset("default", changes))
    torch.manual_seed(3)
    description = model_card(
        name="types",
        task="hemorrhage-segmentation",
        title="Types",
        architecture=architecture,
        preprocessing=Preprocessing((32, 32, 16), order="clamp_then_resample", antialias=True).to_dict(),
        labels=[label.to_dict() for label in BLEED_TYPES.values()],
    )
    return save_package(folder / "types-1.0.0", build_network(architecture).state_dict(), description).path


def corrected_folder(
    folder: Path,
    cases: int,
    bleed_hu: float,
    draw: Callable[[int, np.ndarray], np.ndarray] = lambda number, mask: mask,
    has_types: bool = False,
) -> None:
    """A dataset of small scans in which two raters have accepted masks in turn.

    Args:
        draw: what is accepted, of the case's number and true mask.
        has_types: values of the masks stand for types of bleed.
    """
    for rater in ("ab", "cd"):
        store = AnnotationStore(folder, rater)
        names = store.add_sources([(f"{n:032x}", "") for n in range(cases)])
        for number, case in enumerate(names.values()):
            if ("ab", "cd")[number % 2] == rater:
                array, mask = small_scan(1000 + number, bleed_hu)
                store.write_scan(case, array, MATRIX)
                drawn = draw(number, mask)
                types = types_text(drawn) if has_types else ""
                store.decide(case, Decision("accepted", Mask.of_whole(drawn), types=types))
