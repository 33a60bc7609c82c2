"""Baseline networks learn behind one interface: from parts of a case, after a stop, and from cases as they are now."""

import shutil
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from engine.baselines.tiny import AUGMENTED, NETWORKS, SETTINGS, SMALL_2D, SMALL_3D, dynunet

from radiologycnn.baselines.cnn_ds import prepared_on_grid
from radiologycnn.baselines.interface import Learning, ScanCase, Segmenter, ShoulderCase
from radiologycnn.baselines.tear_networks import prepared_cubes
from radiologycnn.baselines.trained_segmenter import WEIGHTS_NAME
from radiologycnn.baselines.unets import PatchUNetSegmenter, SliceUNetSegmenter
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.images import write_image
from radiologycnn.training.hemorrhage.cases import load_case
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.rotatorcuff.cases import load_case as load_shoulder
from radiologycnn.training.rotatorcuff.settings import TrainingSettings as TearSettings


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


def test_dynunet_learns_where_monai_is(cases, tmp_path) -> None:
    segmenter = dynunet(SETTINGS)
    assert segmenter.fit(cases[:3], cases[3:4], tmp_path / "m").facts["parameters"] > 0
    volume, mask = cases[4].read()
    assert segmenter.predict(volume).shape == mask.shape
