"""Raters: their masks err as people do, more with less skill, and are the same again for the same numbers."""

import numpy as np
import pytest

from radiologycnn.evaluation.agreement import cohen_kappa, mask_confusion
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct
from radiologycnn.simulation.raters import Rater, draw_rater, rate

SPACING = np.array([0.5, 0.5, 4.0])


def ball(radius_mm: float = 18.0) -> np.ndarray:
    z, y, x = np.mgrid[-10:11, -60:61, -60:61]
    return ((x * 0.5) ** 2 + (y * 0.5) ** 2 + (z * 4.0) ** 2 < radius_mm**2).astype(np.uint8)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return overlap(a > 0, b > 0).dice


def test_same_numbers_give_the_same_mask_and_another_scan_or_person_another() -> None:
    truth, rater = ball(), Rater(1, 0.7, 0.0)
    first = rate(truth, SPACING, rater, 4, 2)
    assert np.array_equal(first, rate(truth, SPACING, rater, 4, 2))
    others = (rate(truth, SPACING, rater, 5, 2), rate(truth, SPACING, rater, 4, 3))
    assert all((first != other).any() for other in (*others, rate(truth, SPACING, Rater(2, 0.7, 0.0), 4, 2)))
    assert draw_rater(3, 1) == draw_rater(3, 1) != draw_rater(4, 1)


def test_skill_brings_masks_nearer_to_the_truth() -> None:
    truth = ball()
    scores = {
        skill: np.mean([dice(rate(truth, SPACING, Rater(1, skill, 0.0), i), truth) for i in range(6)])
        for skill in (0.2, 0.6, 1.0)
    }
    assert 0.75 < scores[0.2] < scores[0.6] < scores[1.0] < 0.995


def test_habit_makes_masks_too_large_or_too_small_by_its_millimetres() -> None:
    truth = ball()
    volumes = {
        bias: np.mean([(rate(truth, SPACING, Rater(1, 1.0, bias), i) > 0).sum() for i in range(6)])
        for bias in (-1.0, 0.0, 1.0)
    }
    radius = 18.0
    for bias in (-1.0, 1.0):  # drawn in each slice: the area follows the radius there
        expected = ball(radius + bias).sum() / truth.sum()
        assert volumes[bias] / volumes[0.0] == pytest.approx(expected, rel=0.06)


def test_thin_and_small_parts_are_overlooked_and_large_ones_are_not() -> None:
    labels = np.zeros((21, 140, 240), np.uint8)
    labels[:, 5:126, 5:126] = ball()
    labels[10, 20:100, 180:182] = 5  # a sulcus full of blood, a millimetre wide
    labels[10, 60, 220] = 1  # a dot
    masks = [rate(labels, SPACING, Rater(r, 0.5, 0.0), i) for r in range(4) for i in range(6)]
    assert all((mask[:, 5:126, 5:126] > 0).any() for mask in masks)
    seen_dot = np.mean([(mask[:, 50:70, 210:230] > 0).any() for mask in masks])
    seen_sulcus = np.mean([(mask[:, :, 170:195] > 0).any() for mask in masks])
    assert seen_dot < 0.6 and 0.2 < seen_sulcus < 1.0
    assert {5} == set(np.unique(np.concatenate([mask[:, :, 170:195] for mask in masks]))) - {0}


def test_raters_of_simulated_bleeds_agree_as_experts_do() -> None:
    """Dice between people outlining bleeds is 0.75-0.95 for all but tiny ones, and kappa follows it."""
    config = HeadCtConfig.from_dict(
        {"scanner": {"matrix": 256, "coarse_mm": 3.0, "fine_mm": 2.0},
         "bleeds": {"bleed_free": 0.0, "primary_weights": {"iph": 1.0}, "second_bleed": 0.0, "ivh_extension": 0.0}}
    )  # fmt: skip
    with_truth, between, kappas = [], [], []
    for index in range(4):
        scan = simulate_head_ct(index, 8, config)
        masks = [rate(scan.labels, scan.volume.spacing_mm, draw_rater(r), index) for r in (1, 2, 3)]
        with_truth += [dice(mask, scan.labels) for mask in masks]
        between += [dice(masks[a], masks[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        kappas.append(cohen_kappa(mask_confusion(masks[0] > 0, masks[1] > 0)))
    assert 0.75 < np.median(with_truth) < 0.96
    assert 0.70 < np.median(between) < 0.94
    assert np.median(between) < np.median(with_truth)
    assert 0.65 < np.median(kappas) < 0.95


def test_nothing_is_drawn_where_nothing_is() -> None:
    assert not rate(np.zeros((4, 20, 20), np.uint8), SPACING, Rater(1, 0.5, 1.0), 0).any()
