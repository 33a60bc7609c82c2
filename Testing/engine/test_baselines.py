"""Baselines: the networks are the published ones, each method learns behind one interface, resumes, and segments."""

import shutil
import sys
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from radiologycnn.baselines.cnn_ds import CnnDsSegmenter, prepared_on_grid
from radiologycnn.baselines.forest import FEATURES, LEFT_OUT, ForestSegmenter, voxel_features
from radiologycnn.baselines.interface import Learning, ScanCase, ShoulderCase
from radiologycnn.baselines.tear_networks import VARIANTS, architecture, prepared_cubes
from radiologycnn.baselines.threshold import ThresholdSegmenter
from radiologycnn.baselines.unets import PatchUNetSegmenter, SliceRecipe, SliceUNetSegmenter
from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images import write_image
from radiologycnn.images.volume import Volume
from radiologycnn.networks.architectures import architecture_problems, build_network
from radiologycnn.networks.cam import activation_maps
from radiologycnn.networks.unet import SliceWise, UNet
from radiologycnn.networks.unet_options import PRESETS, UNetOptions
from radiologycnn.training.hemorrhage.cases import load_case
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.cases import load_case as load_shoulder
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as TearSettings

SETTINGS = TrainingSettings.from_preset(
    "default", {"grid_shape_ijk": (32, 32, 16), "base_filters": 2, "epochs": 2, "coarse_epochs": 0, "augment": False}
)
SMALL_3D = UNetOptions(base_filters=2, depth=3)
SMALL_2D = UNetOptions(dimensions=2, base_filters=2, depth=3, doubled_before_pooling=False, dropout=0.5)


def head(number: int) -> tuple[Volume, np.ndarray]:
    """A skull as a bright shell, brain, and a ball of blood in it; 6 mm voxels, 16 slices."""
    rng = np.random.default_rng(number)
    k, j, i = np.mgrid[:16, :32, :32]
    far = np.sqrt(((k - 8) / 0.72) ** 2 + (j - 15.5) ** 2 + (i - 15.5) ** 2)
    hu = np.full(far.shape, -1000.0)
    hu[far < 14] = 900
    hu[far < 12] = 32
    centre = rng.uniform((6, 11, 11), (10, 20, 20))
    mask = ((k - centre[0]) / 0.72) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2 < 9
    hu[mask] = 64
    inside = far < 12
    hu[inside] += 2 * rng.standard_normal(int(inside.sum()))
    matrix = np.diag([6.0, 6.0, 9.0, 1.0])
    return Volume(np.round(hu).astype(np.int16), matrix, "CT", f"head {number}"), mask


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[ScanCase]:
    folder = tmp_path_factory.mktemp("heads")
    found = []
    for number in range(5):
        volume, mask = head(number)
        paths = folder / f"h{number}.nii.gz", folder / f"h{number}-mask.nii.gz"
        write_image(paths[0], volume.array, volume.ijk_to_lps)
        write_image(paths[1], mask.astype(np.uint8), volume.ijk_to_lps)
        found.append(ScanCase(f"h{number}", *paths))
    return found


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        (UNetOptions(out_labels=2), 19_073_730),  # Cicek 2016 prints 19,069,955, without the batch normalization's all
        (PRESETS["slices"], 31_042_369),  # Ronneberger 2015: 31.0 million
    ],
)
def test_unets_have_the_published_size(options, parameters) -> None:
    assert sum(p.numel() for p in UNet(options).parameters()) == parameters


def test_slices_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = SliceWise(UNet(replace(SMALL_2D, base_filters=8))).eval()
    image = torch.randn(1, 1, 20, 16, 16)
    other = image.clone()
    other[:, :, 5] = 0
    with torch.no_grad():
        first, second = network(image), network(other)
    assert first.shape == image.shape
    changed = (first != second).flatten(3).any(dim=3)[0, 0]
    assert changed[5] and changed.sum() == 1


def test_slice_classifier_sees_no_neighbour_and_its_map_sums_to_the_logit() -> None:
    torch.manual_seed(0)
    network = build_network({"name": "slice_cnn", "parameters": {"base_filters": 2, "stages": 3}}).eval()
    image = torch.randn(1, 1, 16, 16, 16)
    found = activation_maps(network, image, (2,))
    assert found.maps[0].raw.shape == (4, 4, 4)
    assert found.maps[0].raw.mean() + found.maps[0].bias == pytest.approx(found.maps[0].score, abs=1e-5)
    turned = image.flip(2)  # slices in another order: the same answer, as no slice knows where it lies
    assert torch.allclose(network(image), network(turned), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_tear_variant_can_be_built_small(variant) -> None:
    settings = TearSettings.from_preset("default", {"grid_size": 32, "base_filters": 4, "drop_scale": 0.5})
    record = architecture(variant, settings)
    assert not architecture_problems(record)
    network = build_network(record).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 32, 32, 32)).shape == (1, 5)


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
    fit = segmenter.fit(cases[:3], [], tmp_path)
    assert list(LEFT_OUT) == ["zscore_template"] and fit.facts["left_out"] == list(LEFT_OUT.values())
    assert set(fit.facts["importance"]) == set(FEATURES)
    volume, mask = cases[4].read()
    found = segmenter.predict(volume)
    assert overlap(found, mask).dice > 0.7
    again = ForestSegmenter((32, 32, 16), trees=10)
    again.fit([], [], tmp_path)
    assert np.array_equal(again.predict(volume), found)


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
    assert ready.array.min() >= 30 and ready.array.max() <= 130
    smooth = recipe.denoised(ready.array)
    scored = (ready.array - ready.array.mean()) / ready.array.std()
    assert abs(float(smooth.mean())) < 0.1
    assert np.abs(np.diff(smooth, axis=2)).sum() < np.abs(np.diff(scored, axis=2)).sum()
    holed = mask.astype(np.uint8)
    k, j, i = np.argwhere(mask).mean(axis=0).round().astype(int)
    holed[k, j, i] = 0
    assert SliceRecipe(32, closing_mm=6).closed(holed, 6.0)[k, j, i] == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: CnnDsSegmenter("cnn_ds_without", "without", SETTINGS, deep_supervision=False),
        lambda: PatchUNetSegmenter(SETTINGS, SMALL_3D, patch_size=16),
        lambda: SliceUNetSegmenter(SETTINGS, SMALL_2D, SliceRecipe(32), slices_a_step=4),
    ],
    ids=["cnn_ds_without", "patch_unet", "slice_unet"],
)
def test_networks_go_on_after_a_stop_with_the_same_result(make, cases, tmp_path) -> None:
    volume, _ = cases[4].read()
    whole = make()
    fit = whole.fit(cases[:3], cases[3:4], tmp_path / "whole" / "m")
    assert fit.log.exists() and fit.facts["parameters"] > 0
    expected = whole.predict(volume)
    assert expected.shape == volume.array.shape and expected.dtype == bool
    asked = count()  # stopped in the second epoch
    with pytest.raises(Cancelled):
        make().fit(cases[:3], cases[3:4], tmp_path / "cut" / "m", cancelled=lambda: next(asked) >= 10)
    resumed = make()
    again = resumed.fit(cases[:3], cases[3:4], tmp_path / "cut" / "m")
    assert np.array_equal(resumed.predict(volume), expected)
    losses = [[row.split(",")[3:5] for row in f.log.read_text().splitlines()] for f in (fit, again)]
    assert losses[0] == losses[1]


def test_methods_learn_from_cases_as_they_are_now(cases, tmp_path) -> None:
    def learning(of: list) -> Learning:
        return Learning(of, [], tmp_path / "m", lambda part, text: said.append(text), lambda: False)

    said: list[str] = []
    image, mask = tmp_path / "h0.nii.gz", tmp_path / "h0-mask.nii.gz"
    shutil.copyfile(cases[0].image, image)
    shutil.copyfile(cases[0].mask, mask)
    scan = ScanCase("h0", image, mask)
    for empty in (False, False, True):
        if empty:
            write_image(mask, np.zeros((16, 32, 32), np.uint8), np.diag([6.0, 6.0, 9.0, 1.0]))
        ((path,), _) = prepared_on_grid(learning([scan]), SETTINGS)
        assert load_case(path).mask.any() != empty
    assert said == ["Preparing h0"] * 2
    image.unlink()
    with pytest.raises(InputError, match="no file or folder"):
        prepared_on_grid(learning([scan]), SETTINGS)

    tears, found = TearSettings.from_preset("default", {"grid_size": 16}), []
    for case in (
        ShoulderCase("s", cases[1].image, 0, None, "right", (90.0, 90.0, 70.0)),
        ShoulderCase("s", cases[1].image, 4, cases[1].mask, "right", (90.0, 90.0, 70.0)),
        ShoulderCase("s", cases[1].image, 4, cases[1].mask, "right", (99.0, 90.0, 70.0)),
    ):
        ((path,), _) = prepared_cubes(learning([case]), tears)
        found.append(load_shoulder(path))
    assert [one.tear_class for one in found] == [0, 4, 4] and [one.mask is None for one in found] == [
        True,
        False,
        False,
    ]
    assert not np.array_equal(found[1].grey, found[2].grey)


def test_network_without_deep_supervision_has_one_segmentation_layer(cases, tmp_path) -> None:
    parameters = {
        supervised: CnnDsSegmenter("m", "m", SETTINGS, supervised).architecture["parameters"].get("deep_supervision")
        for supervised in (True, False)
    }
    assert parameters[False] is False and parameters[True] in (None, True)


def test_sliding_window_puts_a_volume_together_without_seams() -> None:
    segmenter = PatchUNetSegmenter(SETTINGS, SMALL_3D, patch_size=16)

    class Same(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image

    segmenter.network = Same()
    image = np.random.default_rng(0).standard_normal((16, 40, 32)).astype(np.float32)
    assert np.allclose(segmenter.sliding_window(image), 1 / (1 + np.exp(-image)), atol=1e-5)


def test_dynunet_learns_where_monai_is(cases, tmp_path) -> None:
    pytest.importorskip("monai", reason="MONAI, whose DynUNet is a peer, is not installed")
    from radiologycnn.baselines.monai_reference import DynUNetSegmenter

    segmenter = DynUNetSegmenter(SETTINGS)
    assert segmenter.fit(cases[:3], cases[3:4], tmp_path / "m").facts["parameters"] > 0
    volume, mask = cases[4].read()
    assert segmenter.predict(volume).shape == mask.shape


def test_dynunet_says_what_is_missing_without_monai(monkeypatch) -> None:
    from radiologycnn.baselines.monai_reference import DynUNetSegmenter

    monkeypatch.setitem(sys.modules, "monai.networks.nets", None)
    with pytest.raises(ResourceError, match="needs the Python package monai"):
        DynUNetSegmenter(SETTINGS)
