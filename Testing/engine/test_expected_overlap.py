"""What a network expects of its own outline: the Dice, the threshold that goes with it, and what the person is told."""

import json

import numpy as np
import pytest
from engine.hand_made import description, head_phantom, window_network

from radiologycnn.errors import InputError
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.hemorrhage.expected_overlap import doubt_note, expected_dice, threshold_of_scan
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.report import report_record
from radiologycnn.models.package import load_package
from radiologycnn.models.weights import save_package


def test_expected_dice_is_that_which_draws_from_the_probabilities_have() -> None:
    random = np.random.default_rng(3)
    probability = random.beta(0.3, 0.6, (20, 40, 40)) * (random.random((20, 40, 40)) < 0.3)
    expected = expected_dice(probability)
    draws = [random.random(probability.shape) < probability for _ in range(40)]

    def mean_dice(threshold: float) -> float:
        return float(np.mean([overlap(probability >= threshold, drawn).dice for drawn in draws]))

    assert mean_dice(expected / 2) == pytest.approx(expected, abs=0.005)
    # No other threshold has more of it, and 0.5 has clearly less.
    others = [mean_dice(threshold) for threshold in np.arange(0.05, 1, 0.05)]
    assert max(others) <= mean_dice(expected / 2) + 0.002 and mean_dice(0.5) < expected - 0.01


def test_expected_dice_of_certainty_and_of_nothing() -> None:
    sure = np.zeros((4, 5, 6), np.float32)
    assert expected_dice(sure) == 0
    sure[1:3, 1:3, 1:3] = 1
    assert expected_dice(sure) == 1
    assert expected_dice(sure * np.float32(0.25)) == pytest.approx(0.4)  # 2 * 2 / (8 + 2)


def test_threshold_falls_only_between_sureness_and_disbelief() -> None:
    found = [threshold_of_scan(0.4, 0.1, expected) for expected in (0.0, 0.19, 0.2, 0.5, 0.79, 0.8, 0.95)]
    assert found == [0.4, 0.4, 0.1, 0.25, 0.395, 0.4, 0.4]


def test_doubt_is_told_with_the_threshold_that_it_led_to() -> None:
    assert doubt_note(0.6, 0.3, 0.4) == ""
    assert doubt_note(0.42, 0.21, 0.4).endswith("a Dice of 0.42 only. Its threshold was lowered to 0.21 for this scan.")
    assert doubt_note(0.15, 0.4, 0.4).endswith("a Dice of 0.15 only.")


def _package(folder, at_blood: float, **changes):
    """The hand-made network with this probability at the phantom's 70 HU, next to none at the brain's 35."""
    network = window_network()
    weights = network.state_dict()
    weights["in_convs.0.0.0.bias"][1] = -0.75  # what is brighter, as bone's edge, is none
    weights["segmentations.0.weight"][0, 0, 1, 1, 1] = 30
    weights["segmentations.0.bias"][0] = np.log(at_blood / (1 - at_blood)) - 30 * 0.7
    return save_package(folder, weights, description(**changes))


def test_bleed_that_the_network_half_believes_in_is_outlined_with_a_warning(tmp_path) -> None:
    volume, truth = head_phantom()
    for name, changes in (("fixed", {}), ("following", {"lowest_threshold": 0.1})):
        _package(tmp_path / name, 0.3, **changes)
    fixed = HemorrhageSegmenter(load_package(tmp_path / "fixed"), "cpu").segment(volume)
    assert not fixed.mask.any() and fixed.expected_dice is None
    segmenter = HemorrhageSegmenter(load_package(tmp_path / "following"), "cpu")
    found = segmenter.segment(volume)
    assert 0.3 < found.expected_dice < 0.5 and found.threshold == pytest.approx(found.expected_dice / 2, abs=0.001)
    assert overlap(found.mask > 0, truth).dice > 0.8
    (doubt,) = [note for note in found.notes if note.startswith("Doubtful")]
    assert f"lowered to {found.threshold:.2f}" in doubt and found.notes[0] == doubt, "the person reads it first"
    record = json.loads(json.dumps(report_record(found, volume)))
    assert record["expected_dice"] == found.expected_dice
    by_hand = segmenter.segment(volume, threshold=0.5)
    assert by_hand.threshold == 0.5 and not by_hand.mask.any()
    assert not [note for note in by_hand.notes if note.startswith("Doubtful")], "of nothing"


def test_bleed_that_the_network_is_sure_of_keeps_the_models_threshold(tmp_path) -> None:
    volume, truth = head_phantom()
    result = HemorrhageSegmenter(
        _package(tmp_path / "sure", 0.999, operating_threshold=0.4, lowest_threshold=0.1), "cpu"
    ).segment(volume)
    assert result.threshold == 0.4 and result.expected_dice > 0.9
    assert overlap(result.mask > 0, truth).dice > 0.9
    assert not [note for note in result.notes if note.startswith("Doubtful")]


@pytest.mark.parametrize("wrong", [0, 0.7, "low", True, -0.1])
def test_lowest_threshold_that_makes_no_sense_is_refused(tmp_path, wrong) -> None:
    save_package(tmp_path / "m", window_network().state_dict(), description())
    card = json.loads((tmp_path / "m" / "model.json").read_text())
    (tmp_path / "m" / "model.json").write_text(json.dumps({**card, "lowest_threshold": wrong}))
    with pytest.raises(InputError, match=r"\"lowest_threshold\" must lie"):
        load_package(tmp_path / "m")
