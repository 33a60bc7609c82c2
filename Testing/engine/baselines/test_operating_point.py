"""The threshold that a method is used at is the one that is best on the validation cases."""

from dataclasses import replace

import numpy as np
import pytest
from engine.baselines.tiny import NETWORKS, SETTINGS, dynunet
from scipy import ndimage

from radiologycnn.baselines import cnn_ds
from radiologycnn.baselines.forest import ForestSegmenter
from radiologycnn.baselines.interface import Learning
from radiologycnn.baselines.operating_point import THRESHOLDS, MaskAt, best_threshold
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.images.volume import Volume


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("name", [*NETWORKS, "dynunet", "forest"])
def test_every_method_takes_the_threshold_that_is_best_on_the_validation_cases(
    name, preset, cases, tmp_path, monkeypatch
) -> None:
    settings = replace(SETTINGS, preset=preset, epochs=1)
    makers = {**NETWORKS, "dynunet": dynunet, "forest": lambda settings: ForestSegmenter((32, 32, 16), trees=5)}
    asked = []

    def outlined(*arguments: object) -> MaskAt:
        """Right from 0.65 on to 0.8 for the first case that is asked for, from 0.75 on for the others."""
        volume = next(one for one in arguments if isinstance(one, Volume))
        truth = next(mask for case in cases for same, mask in [case.read()] if np.array_equal(same.array, volume.array))
        asked.append(volume)
        low = 0.65 if len(asked) == 1 else 0.75
        return lambda threshold: truth if low <= threshold <= 0.8 else ~truth

    segmenter = makers[name](settings)
    for owner in (cnn_ds, type(segmenter)):
        for attribute in ("outlined", "outlined_on_grid"):
            if hasattr(owner, attribute):
                monkeypatch.setattr(owner, attribute, outlined)
    fit = segmenter.fit(cases[:2], cases[2:4], tmp_path / "m")
    has_own = preset == "paper" and name != "forest"
    assert fit.facts["threshold"] == (0.5 if has_own else 0.75)
    assert len(asked) == (0 if has_own else 2)
    assert makers[name](settings).fit([], [], tmp_path / "m").facts["threshold"] == fit.facts["threshold"]


def test_best_threshold_is_that_of_the_mean_dice(cases, tmp_path) -> None:
    def learning(count: int) -> Learning:
        return Learning([], cases[:count], tmp_path, lambda part, text: None, lambda: False)

    def outlined(volume: Volume) -> MaskAt:
        """Blood has 0.625, as much round it 0.4."""
        blood = (volume.array > 50) & (volume.array < 100)
        probability = np.where(ndimage.binary_dilation(blood), 0.4, 0.0)
        probability[blood] = 0.625
        return lambda threshold: probability >= threshold

    assert best_threshold(learning(0), outlined) == 0.5
    for count_of_cases in (1, 3):
        found = best_threshold(learning(count_of_cases), outlined)
        scores = [
            np.mean([overlap(outlined(case.read()[0])(t), case.read()[1]).dice for case in cases[:count_of_cases]])
            for t in THRESHOLDS
        ]
        assert scores[THRESHOLDS.index(found)] == max(scores) and found == 0.5  # 0.45 to 0.6 are as good
