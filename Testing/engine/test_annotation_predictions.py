"""The measure of what a case can teach: its values where they are known."""

import numpy as np
import pytest
from engine.annotated_folder import SHAPE, annotated_folder

from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.predictions import SMOOTHING_ML, Prediction
from radiologycnn.annotation.records import Mask
from radiologycnn.annotation.store import AnnotationStore


def prediction(probability: np.ndarray, threshold: float = 0.5, voxel_ml: float = 0.01) -> Prediction:
    return Prediction.of("c", np.asarray(probability, np.float32), threshold, voxel_ml, {"id": "m", "sha256": "0"})


def test_expected_dice_of_maps_whose_value_is_known() -> None:
    sure = np.zeros((10, 20, 20))
    sure[:, 5:15, 5:15] = 1.0
    assert prediction(sure).uncertainty == pytest.approx(0.0, abs=1e-6)
    assert prediction(sure).volume_ml == pytest.approx(10.0)
    doubtful = sure * 0.6
    # mask 10 mL, blood 6 mL, all of it in the mask
    assert prediction(doubtful).expected_dice == pytest.approx((12 + SMOOTHING_ML) / (16 + SMOOTHING_ML), rel=1e-6)
    assert prediction(doubtful).correction_ml == pytest.approx(4.0)
    missed = sure * 0.4
    assert prediction(missed).uncertainty == pytest.approx(1 - SMOOTHING_ML / (4 + SMOOTHING_ML), rel=1e-6)
    assert prediction(np.zeros((4, 4, 4))).uncertainty == 0.0


def test_expected_dice_is_the_mean_over_drawn_truths() -> None:
    """Truths drawn voxel by voxel from the map: their mean Dice with the mask is what the measure says."""
    generator = np.random.default_rng(1)
    k, j, i = np.indices((12, 40, 40))
    probability = 1 / (1 + np.exp(np.sqrt((2 * (k - 6)) ** 2 + (j - 20) ** 2 + (i - 20) ** 2) - 11))
    mask = probability >= 0.5
    dices = []
    for _draw in range(50):
        truth = generator.random(probability.shape) < probability
        dices.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert prediction(probability).expected_dice == pytest.approx(np.mean(dices), abs=0.01)


def test_neither_scale_nor_empty_space_changes_it() -> None:
    generator = np.random.default_rng(2)
    small = generator.random((6, 10, 10))
    wide = np.full((20, 30, 30), 0.001)
    wide[3:9, 5:15, 5:15] = small
    assert prediction(wide).uncertainty == pytest.approx(prediction(small).uncertainty, rel=1e-6)
    finer = small.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    assert prediction(finer, voxel_ml=0.01 / 8).uncertainty == pytest.approx(prediction(small).uncertainty, rel=1e-6)


def test_of_several_labels_the_highest_counts() -> None:
    maps = np.random.default_rng(3).random((3, 4, 5, 6))
    assert prediction(maps) == prediction(maps.max(axis=0))


def test_it_is_kept_with_the_case_when_the_network_has_run(tmp_path) -> None:
    annotated_folder(tmp_path, 2, {"ab": (1.0, 0)})
    store = AnnotationStore(tmp_path, "ab")
    probability = np.full((4, 5, 6), 0.7, np.float32)
    message = {"model": "m-1.0.0", "threshold": 0.5, "provenance": {"model_sha256": "abc"}}
    store.save_network("case-0002", Mask(np.ones((4, 5, 6), np.uint8), (2, 3, 4)), message, probability)
    found = AnnotationDataset(tmp_path).predictions()
    assert list(found) == ["case-0002"]
    assert found["case-0002"] == AnnotationDataset(tmp_path).prediction("case-0002")
    assert found["case-0002"].model == {"id": "m-1.0.0", "sha256": "abc"}
    assert found["case-0002"].volume_ml == pytest.approx(120 * 0.003)
    assert np.prod(SHAPE) > 120
    assert store.prediction("case-0001") is None
