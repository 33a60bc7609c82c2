"""Baselines: the networks are the published ones, each method learns behind one interface, resumes, and segments."""

import json
import shutil
import sys
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage

from radiologycnn.baselines import cnn_ds
from radiologycnn.baselines.cnn_ds import CnnDsSegmenter, prepared_on_grid
from radiologycnn.baselines.forest import FEATURES, LEFT_OUT, ForestSegmenter, _new_forest, voxel_features
from radiologycnn.baselines.interface import Learning, ScanCase, Segmenter, ShoulderCase
from radiologycnn.baselines.operating_point import THRESHOLDS, MaskAt, best_threshold
from radiologycnn.baselines.slice_recipe import SliceRecipe
from radiologycnn.baselines.tear_networks import VARIANTS, architecture, prepared_cubes
from radiologycnn.baselines.threshold import ThresholdSegmenter
from radiologycnn.baselines.trained_segmenter import WEIGHTS_NAME
from radiologycnn.baselines.unets import PatchUNetSegmenter, SliceUNetSegmenter
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
AUGMENTED = replace(SETTINGS, pixel_unshuffle=1, coarse_epochs=1, augment=True)
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


NETWORKS = {
    "cnn_ds_without": lambda settings: CnnDsSegmenter("cnn_ds_without", "without", settings, deep_supervision=False),
    "patch_unet": lambda settings: PatchUNetSegmenter(settings, SMALL_3D, patch_size=16),
    "slice_unet": lambda settings: SliceUNetSegmenter(settings, SMALL_2D, SliceRecipe(32), slices_a_step=4),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_go_on_after_a_stop_with_the_same_result(name, cases, tmp_path) -> None:
    def make() -> Segmenter:
        return NETWORKS[name](AUGMENTED)

    volume, _ = cases[2].read()
    whole = make()
    fit = whole.fit(cases[:2], cases[3:5], tmp_path / "whole" / "m")
    assert fit.log.exists() and fit.facts["parameters"] > 0
    expected = whole.predict(volume)
    assert expected.shape == volume.array.shape and expected.dtype == bool
    folder, asked, said = tmp_path / "cut" / "m", count(), [""]
    with pytest.raises(Cancelled):  # within the second epoch, the first of the fine stage
        make().fit(cases[:2], cases[3:5], folder, cancelled=lambda: (folder / "log.csv").exists() and next(asked) >= 2)
    with pytest.raises(Cancelled):  # all is learned but the threshold
        make().fit(
            cases[:2], cases[3:5], folder, lambda _, text: said.append(text), lambda: said[-1].startswith("Operating")
        )
    resumed = make()
    again = resumed.fit(cases[:2], cases[3:5], folder)
    assert np.array_equal(resumed.predict(volume), expected)
    losses = [[row.split(",")[3:5] for row in f.log.read_text().splitlines()] for f in (fit, again)]
    assert losses[0] == losses[1] and len(losses[0]) == 4
    assert fit.facts == again.facts == make().fit([], [], folder).facts  # the last one is read, not learned


@pytest.mark.parametrize("name", ["patch_unet", "slice_unet"])
def test_unets_learn_from_parts_of_augmented_heads(name, cases, tmp_path) -> None:
    learning = Learning(cases[:1], [], tmp_path / "m", lambda part, text: None, lambda: False)
    samples = {}
    for augment in (False, True):
        segmenter = NETWORKS[name](replace(AUGMENTED, augment=augment))
        assert segmenter.settings.augment == augment and segmenter.settings.coarse_epochs == 1
        ((path,), _) = segmenter.prepared(learning)
        loop = segmenter.make_loop(segmenter.network, segmenter.settings, [path], [path], tmp_path / "m")
        for loop.epoch in (0, 1):  # the coarse stage, and the fine one
            first, again = (loop.prepare(path, torch.Generator().manual_seed(7)) for _ in range(2))
            assert all(torch.equal(*both) for both in zip(first, again))
            samples[augment, loop.coarse] = first
    # Every part changes, and the blood lies elsewhere.
    plain, (image, mask) = samples[False, False], samples[True, False]
    assert image.shape == plain[0].shape and not torch.equal(mask, plain[1])
    assert all((one != other).float().mean() > 0.2 for one, other in zip(image, plain[0]))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    if name == "patch_unet":  # four patches cover the grid, one the coarse grid of 8 slices
        assert image.shape == (4, 1, 16, 16, 16) and samples[True, True][0].shape == (1, 1, 8, 16, 16)
    else:  # the case's 16 slices, in groups
        assert image.shape == (4, 1, 4, 32, 32) and samples[True, True][0].shape == (4, 1, 4, 16, 16)


def test_unets_learn_as_the_default_settings_say() -> None:
    default = TrainingSettings()
    patches, slices = PatchUNetSegmenter(default, SMALL_3D), SliceUNetSegmenter(default, SMALL_2D)
    assert patches.settings == default and default.augment and default.coarse_epochs
    assert slices.settings == default and not slices.facts()["left_out"]
    paper = TrainingSettings.from_preset("paper", {})
    slices_of_paper = SliceUNetSegmenter(paper, SMALL_2D)
    assert slices_of_paper.settings == replace(paper, learning_rate=1e-4)
    assert "(0.0001 here)" in slices_of_paper.facts()["left_out"][0]
    grid = np.zeros(default.grid_shape_ijk[::-1], np.float32)
    drawn, _ = patches.draw(grid, grid, torch.Generator())
    assert drawn.shape == (12, 64, 64, 64) and drawn.size >= grid.size
    assert len(PatchUNetSegmenter(default, SMALL_3D, patches=3).draw(grid, grid, torch.Generator())[0]) == 3


def test_parts_of_a_case_are_learned_from_a_few_at_once(cases, tmp_path) -> None:
    """So that the memory that a step takes does not hang on how many parts a case has; validation takes all of them."""

    class Counting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.seen = torch.nn.Parameter(torch.ones(())), []

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            self.seen.append((self.training, len(image)))
            return image * self.weight

    segmenter = NETWORKS["patch_unet"](replace(AUGMENTED, coarse_epochs=0, epochs=1, weight_average=0.0))
    segmenter.network = network = Counting()
    paths = segmenter.prepared(Learning(cases[:1], cases[1:2], tmp_path / "m", lambda *_: None, lambda: False))
    loop = segmenter.make_loop(network, segmenter.settings, *paths, tmp_path / "m")
    loop.run()
    assert network.seen == [(True, 2)] * 2 + [(False, 2)] * 2
    (path,) = paths[1]
    image, mask = loop.parts(*loop.load(path), torch.Generator().manual_seed(0))
    with torch.no_grad():
        few, logits = loop._loss(image, mask)
        loop.parts_a_step = 4
        whole, expected = loop._loss(image, mask)
    assert float(few) == pytest.approx(float(whole), rel=1e-5) and torch.equal(logits, expected)


def dynunet(settings: TrainingSettings) -> Segmenter:
    pytest.importorskip("monai", reason="MONAI, whose DynUNet is a peer, is not installed")
    from radiologycnn.baselines.monai_reference import DynUNetSegmenter

    return DynUNetSegmenter(settings)


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


def test_weights_of_an_earlier_version_are_refused(cases, tmp_path) -> None:
    """They were learned otherwise, and were used at 0.5 whatever the validation cases said."""
    segmenter = NETWORKS["patch_unet"](SETTINGS)
    torch.save(segmenter.network.state_dict(), tmp_path / WEIGHTS_NAME)
    with pytest.raises(InputError, match="earlier version"):
        segmenter.fit(cases[:2], cases[2:3], tmp_path)


def test_methods_learn_from_cases_as_they_are_now(cases, tmp_path) -> None:
    def learning(of: list) -> Learning:
        return Learning(of, [], tmp_path / "m", lambda part, text: said.append(text), lambda: False)

    said, made = [], []
    image, mask = tmp_path / "h0.nii.gz", tmp_path / "h0-mask.nii.gz"
    shutil.copyfile(cases[0].image, image)
    shutil.copyfile(cases[0].mask, mask)
    scan = ScanCase("h0", image, mask)
    for empty in (False, False, True):
        if empty:
            write_image(mask, np.zeros((16, 32, 32), np.uint8), np.diag([6.0, 6.0, 9.0, 1.0]))
        ((path,), _) = prepared_on_grid(learning([scan]), SETTINGS)
        assert load_case(path).mask.any() != empty
        made.append(path.stat().st_mtime_ns)
    assert made[0] == made[1] < made[2] and said == ["Preparing case 1 of 1"] * 3
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
    segmenter = dynunet(SETTINGS)
    assert segmenter.fit(cases[:3], cases[3:4], tmp_path / "m").facts["parameters"] > 0
    volume, mask = cases[4].read()
    assert segmenter.predict(volume).shape == mask.shape


def test_dynunet_says_what_is_missing_without_monai(monkeypatch) -> None:
    from radiologycnn.baselines.monai_reference import DynUNetSegmenter

    monkeypatch.setitem(sys.modules, "monai.networks.nets", None)
    with pytest.raises(ResourceError, match="needs the Python package monai"):
        DynUNetSegmenter(SETTINGS)
