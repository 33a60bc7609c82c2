"""Training: learns, resumes to the same weights after an interruption, and ends in a package that segments."""

import csv
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.head_folder import write_head_folder

from radiologycnn.errors import Cancelled, InputError
from radiologycnn.images import write_image
from radiologycnn.models.package import load_package
from radiologycnn.models.weights import load_network
from radiologycnn.training.case_files import read_manifest
from radiologycnn.training.case_set import split_cases
from radiologycnn.training.checkpoints import CHECKPOINT_NAME
from radiologycnn.training.hemorrhage.assess import choose_threshold, summarize
from radiologycnn.training.hemorrhage.augmentation import augment, near_bone
from radiologycnn.training.hemorrhage.cases import MANIFEST_FILES, PreparedCase, save_case
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.hemorrhage.trainer import train
from radiologycnn.training.task import ModelName

TINY = {
    "grid_shape_ijk": (32, 32, 16),
    "pixel_unshuffle": 1,
    "base_filters": 2,
    "epochs": 2,
    "coarse_epochs": 1,
    "seed": 3,
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> list[Path]:
    """Bright balls in a dim box: enough like bleeds in brain to learn from."""
    folder = tmp_path_factory.mktemp("cases")
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[:16, :32, :32]
    paths = []
    for number in range(6):
        centre = rng.uniform((5, 9, 9), (11, 23, 23))
        mask = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < 20
        image = 0.3 + 0.3 * mask + 0.02 * rng.standard_normal(mask.shape)
        save_case(PreparedCase(f"c{number}", image.astype(np.float16), mask.astype(np.uint8), 0.01), folder)
        paths.append(folder / f"c{number}.npz")
    return paths


def settings(**changes) -> TrainingSettings:
    return TrainingSettings.from_preset("default", {**TINY, **changes})


def test_loss_falls(cases, tmp_path) -> None:
    train(cases[:5], cases[5:], settings(epochs=4, coarse_epochs=0), tmp_path)
    with (tmp_path / "log.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 4
    assert losses[-1] < losses[0] - 0.2


def test_killed_and_resumed_run_gives_the_same_weights(cases, tmp_path) -> None:
    whole = train(cases[:4], cases[4:], settings(), tmp_path / "whole")
    asked = count()  # stopped in the second epoch
    with pytest.raises(Cancelled):
        train(cases[:4], cases[4:], settings(), tmp_path / "cut", cancelled=lambda: next(asked) >= 6)
    assert (tmp_path / "cut" / CHECKPOINT_NAME).exists()
    resumed = train(cases[:4], cases[4:], settings(), tmp_path / "cut", resume=True)
    assert resumed.epoch == whole.epoch
    for name, tensor in whole.state_dict.items():
        assert torch.equal(tensor, resumed.state_dict[name]), name


def test_resuming_with_other_settings_or_nothing_is_refused(cases, tmp_path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        train(cases[:4], cases[4:], settings(), tmp_path, resume=True)
    train(cases[:4], cases[4:], settings(epochs=0), tmp_path)
    with pytest.raises(InputError, match="learning_rate"):
        train(cases[:4], cases[4:], settings(epochs=0, learning_rate=0.01), tmp_path, resume=True)


def test_augmentation_keeps_the_bleed_under_its_mask() -> None:
    image = torch.full((2, 1, 16, 32, 32), 0.3)
    mask = torch.zeros_like(image)
    mask[:, :, 6:11, 8:18, 6:16] = 1
    image = torch.where(mask > 0, torch.tensor(0.7), image)
    for seed in range(5):
        changed, moved = augment(image, mask, torch.Generator().manual_seed(seed))
        assert set(moved.unique().tolist()) == {0.0, 1.0}
        assert changed[moved > 0].mean() > 0.58
        assert changed[moved == 0].mean() < 0.4
        assert 0 <= changed.min() and changed.max() <= 1


def test_a_network_of_unshuffled_pixels_becomes_a_package_for_the_fine_grid(tmp_path) -> None:
    """Its first level is as coarse as its input is fine, and where it goes on from the same is asked for."""
    finer = settings(grid_shape_ijk=(64, 64, 16), pixel_unshuffle=2, epochs=1, coarse_epochs=1, validation_share=0.34)
    data = write_head_folder(tmp_path / "data", ("a", "b", "c"))
    package = HemorrhageTask(finer, data, device="cpu").run(tmp_path / "run", ModelName("fine"))
    assert package.architecture["parameters"]["pixel_unshuffle"] == 2
    assert package.onnx_sha256  # it runs without torch
    with torch.no_grad():
        assert load_network(package)(torch.zeros(1, 1, 16, 64, 64)).shape == (1, 1, 16, 64, 64)
    with pytest.raises(InputError, match="pixel unshuffle"):
        HemorrhageTask(settings(), data).run(tmp_path / "coarse", ModelName("coarse"), start_from=package.path)


def test_haze_is_strongest_near_bone_and_under_the_vertex() -> None:
    k, j, i = torch.meshgrid(torch.arange(32), torch.arange(64), torch.arange(64), indexing="ij")
    radius = ((k / 24) ** 2 + ((j - 32) / 26) ** 2 + ((i - 32) / 26) ** 2).sqrt()
    picture = torch.where(radius < 0.85, 0.3, torch.where(radius < 1.0, 1.0, 0.0))[None]
    for reach in (2, 3, 4):
        near = near_bone(picture, reach)[0]
        wall, deep, vertex = near[4, 32, 11], near[4, 32, 32], near[19, 32, 32]
        assert wall > 0.1 and vertex > 0.1 and deep < 0.3 * min(wall, vertex)
        assert 0 <= near.min() and near.max() <= 1


def test_data_folder_to_a_package_that_loads(tmp_path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    matrix = np.diag([5.0, 5.0, 8.0, 1.0])
    rng = np.random.default_rng(1)
    lines = ["id,image,mask,split"]
    for number in range(3):
        mask = np.zeros((18, 40, 40), np.uint8)
        mask[5:9, 10:20, 10 + number : 20] = 1
        image = (30 + 30 * mask + rng.normal(0, 2, mask.shape)).astype(np.int16)
        image[0] = -1000  # air
        write_image(data / f"i{number}.nii.gz", image, matrix)
        write_image(data / f"m{number}.nii.gz", mask, matrix)
        lines.append(f"case{number},i{number}.nii.gz,m{number}.nii.gz,{'validation' if number == 2 else 'train'}")
    (data / "cases.csv").write_text("\n".join(lines))
    task = HemorrhageTask(settings(epochs=1, coarse_epochs=0), data, device="cpu")
    package = task.run(tmp_path / "run", ModelName("tiny"))
    loaded = load_package(tmp_path / "run" / "tiny-0.1.0")
    assert loaded.id == package.id == "tiny-0.1.0"
    assert loaded.onnx_sha256 == package.onnx_sha256 != ""  # it runs without torch
    assert not loaded.simulated and "2 cases" in loaded.training_data
    assert loaded.performance["validation"]["data"].startswith("1 case, ")
    with torch.no_grad():
        assert load_network(loaded)(torch.zeros(1, 1, 16, 32, 32)).shape == (1, 1, 16, 32, 32)
    slow = settings(epochs=1, coarse_epochs=0, learning_rate=1e-9)
    slow_task = HemorrhageTask(slow, data, device="cpu")
    again = slow_task.run(tmp_path / "more", ModelName("tiny", "0.2.0"), start_from=package.path)
    first, second = (load_network(one).state_dict() for one in (package, again))
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in first)  # went on from there
    with pytest.raises(InputError, match="base filters"):
        HemorrhageTask(settings(base_filters=3), data).run(
            tmp_path / "other", ModelName("tiny"), start_from=package.path
        )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,image,mask,split\n", "no case"),
        ("id,image,mask,split\na,x.nii,y.nii,\n", "line 2: the image “x.nii” does not exist"),
        ("id,image,mask,split\n../a,here,here,\n", "line 2: the id"),
        ("id,image,mask,split\na,here,here,tset\n", "unknown split"),
    ],
)
def test_manifest_mistakes_are_named(tmp_path, text: str, said: str) -> None:
    (tmp_path / "here").write_text("")
    (tmp_path / "cases.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_manifest(tmp_path, *MANIFEST_FILES)


def test_split_holds_every_case_once(cases) -> None:
    training, validation = split_cases(cases, 0.2, 0)
    assert sorted(training + validation) == sorted(cases) and validation
    assert split_cases(cases, 0.2, 0) == (training, validation)


def test_threshold_that_fits_the_probability_is_chosen(cases) -> None:
    class Known(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            # Probability .62 in the ball and .56 round it: only thresholds between them are right.
            return torch.logit(torch.where(image.float() > 0.45, 0.625, 0.555))

    chosen = choose_threshold(Known(), cases)
    assert (chosen.threshold, chosen.lowest) == (0.6, None)
    assert chosen.performance["dice"] > 0.93  # a small ball, smooth on the finer grid that the threshold is judged on


def test_summary_keeps_bleed_scans_and_bleed_free_ones_apart() -> None:
    rows = [
        {"kinds": "iph+ivh", "true_ml": 9.0, "found_ml": 8.0, "dice": 0.8},
        {"kinds": "sdh", "true_ml": 9.0, "found_ml": 8.0, "dice": 0.6},
        {"kinds": "none", "true_ml": 0.0, "found_ml": 0.4, "dice": None},
    ]
    summary = summarize(rows)
    assert (summary["dice_mean"], summary["invented_ml_median"]) == (0.7, 0.4)
    assert summary["dice_sd"] == 0.141  # n - 1
    assert summarize(rows[1:])["dice_sd"] is None  # of one scan
    assert summary["dice_mean_by_main_kind"] == {"iph": 0.8, "sdh": 0.6}


def test_paper_preset_is_the_papers() -> None:
    paper = TrainingSettings.from_preset("paper", {})
    assert (paper.learning_rate, paper.epochs, paper.batch_size, paper.loss) == (5e-3, 500, 1, "dice")
    assert (paper.patience, paper.stop_after, paper.schedule, paper.augment) == (10, 50, "plateau", False)
    assert (paper.gradient_limit, paper.autocast) == (0, False)
    with pytest.raises(InputError, match="no training preset"):
        TrainingSettings.from_preset("papper", {})
