"""Threshold, forest and the recipe for slices: what they learn, find, leave out and are called."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from engine.baselines.tiny import head

from radiologycnn.baselines.forest import FEATURES, LEFT_OUT, ForestSegmenter, _new_forest, voxel_features
from radiologycnn.baselines.slice_recipe import SliceRecipe
from radiologycnn.baselines.threshold import ThresholdSegmenter
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.hemorrhage.preprocessing import Preprocessing


def test_threshold_learns_the_brightness_of_blood(cases, tmp_path) -> None:
    segmenter = ThresholdSegmenter()
    fit = segmenter.fit(cases[:3], cases[3:4], tmp_path)
    assert 42 <= fit.facts["threshold_hu"] < 64
    volume, mask = cases[4].read()
    assert overlap(segmenter.predict(volume), mask).dice > 0.7
    again = ThresholdSegmenter()
    assert again.fit([], [], tmp_path).facts == fit.facts  # read, not learned


def test_forest_finds_blood_and_names_what_is_left_out(cases, tmp_path) -> None:
    segmenter = ForestSegmenter((32, 32, 16), trees=10)
    fit = segmenter.fit(cases[:3], cases[3:4], tmp_path)
    assert list(LEFT_OUT) == ["zscore_template", "augmentation"] and fit.facts["left_out"] == list(LEFT_OUT.values())
    assert set(fit.facts["importance"]) == set(FEATURES)
    assert list(fit.facts["seconds_by_stage"]) == ["features", "trees", "threshold"]
    assert fit.seconds == pytest.approx(sum(fit.facts["seconds_by_stage"].values()))
    volume, mask = cases[4].read()
    found = segmenter.predict(volume)
    assert overlap(found, mask).dice > 0.7
    again = ForestSegmenter((32, 32, 16), trees=10)
    assert again.fit([], [], tmp_path).facts == fit.facts  # read, not learned
    assert np.array_equal(again.predict(volume), found)


def test_forest_is_the_same_on_one_core_and_on_several(cases, tmp_path, monkeypatch) -> None:
    volume, _ = cases[4].read()
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda cores=cores: cores)
        segmenter = ForestSegmenter((32, 32, 16), trees=15)
        segmenter.fit(cases[:2], [], tmp_path / str(cores))
        learned, shares = segmenter._forest, []
        assert _new_forest(15, 0).n_jobs == cores
        segmenter._forest = SimpleNamespace(
            predict_proba=lambda share, learned=learned, shares=shares: (
                shares.append(len(share)) or learned.predict_proba(share)
            )
        )
        found.append(segmenter._probability(segmenter.preprocessing.prepare(volume)))
        assert len(shares) == cores and max(shares) - min(shares) <= 1
    assert found[0].any() and np.array_equal(*found)


def test_forest_of_an_earlier_version_chooses_its_threshold_anew(cases, tmp_path) -> None:
    ForestSegmenter((32, 32, 16), trees=10).fit(cases[:3], cases[3:4], tmp_path)
    (tmp_path / "forest.json").write_text(json.dumps({"threshold": 0.95, "seconds": 1.0}))
    assert ForestSegmenter((32, 32, 16), trees=10).fit(cases[:3], cases[3:4], tmp_path).facts["threshold"] < 0.95


def test_forest_features_are_what_their_names_say() -> None:
    volume, _ = head(0)
    ready = Preprocessing((32, 32, 16), (-1000, 1000), "clamp_then_resample", True, 1.0).prepare(volume)
    features, inside = voxel_features(ready)
    assert features.shape == (inside.sum(), len(FEATURES)) and np.isfinite(features).all()
    columns = dict(zip(FEATURES, features.T))
    place = int(np.flatnonzero((np.argwhere(inside) == (8, 15, 15)).all(axis=1))[0])
    patch = np.clip(ready.array[7:10, 14:17, 14:17], 0, 100).astype(float)
    centred = patch - patch.mean()
    assert columns["moment1"][place] == pytest.approx(patch.mean(), rel=1e-4)
    assert columns["moment2"][place] == pytest.approx((centred**2).mean(), rel=1e-3)
    assert columns["skew"][place] == pytest.approx((centred**3).mean() / (centred**2).mean() ** 1.5, abs=1e-3)
    assert columns["kurtosis"][place] == pytest.approx((centred**4).mean() / (centred**2).mean() ** 2, rel=1e-3)
    assert columns["pct_thresh"][place] == pytest.approx(((patch >= 40) & (patch <= 80)).mean(), abs=1e-5)


def test_slice_recipe_windows_then_scores_then_smooths() -> None:
    volume, mask = head(1)
    recipe = SliceRecipe(32)
    ready = recipe.grid(volume).prepare(volume)
    assert ready.array.shape == (16, 32, 32)
    assert ready.array.min() == 0 and ready.array.max() == 1  # 0 and 130 HU
    smooth = recipe.denoised(ready.array)
    windowed = (ready.array * 130).clip(30, 130)
    scored = (windowed - windowed.mean()) / windowed.std()
    assert np.allclose(replace(recipe, flow_steps=0).denoised(ready.array), scored, atol=1e-4)
    assert abs(float(smooth.mean())) < 0.1
    assert np.abs(np.diff(smooth, axis=2)).sum() < np.abs(np.diff(scored, axis=2)).sum()
    holed = mask.astype(np.uint8)
    k, j, i = np.argwhere(mask).mean(axis=0).round().astype(int)
    holed[k, j, i] = 0
    assert SliceRecipe(32, closing_mm=6).closed(holed, 6.0)[k, j, i] == 1
