"""The operating threshold of a bleed model: cases are read ahead, and figures are told of what cases there are."""

import csv
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.training_options.tiny import head_settings
from torch import Tensor, nn

from radiologycnn.networks.architectures import build_network
from radiologycnn.training.best_epoch import TrainingResult
from radiologycnn.training.hemorrhage import assess
from radiologycnn.training.hemorrhage.cases import PreparedCase, save_case
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.hemorrhage.settings import architecture_of
from radiologycnn.training.hemorrhage.trainer import train


class Bright(nn.Module):
    """Takes for blood what is bright, a type each in turn where there are several."""

    def __init__(self, labels: int = 1) -> None:
        super().__init__()
        self.labels = labels

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([8 * (image - 0.35 - 0.01 * n) for n in range(self.labels)], dim=1)


@pytest.fixture(scope="module")
def bleed_free(tmp_path_factory) -> list[Path]:
    """Three heads without a bleed, in which less and less is bright."""
    folder = tmp_path_factory.mktemp("bleed-free")
    for number in range(3):
        image = np.full((16, 16, 16), 0.3, np.float16)
        image[: 3 - number, :4, :4] = 0.6
        save_case(PreparedCase(f"free-{number}", image, np.zeros(image.shape, np.uint8), 0.01), folder)
    return sorted(folder.glob("*.npz"))


def test_cases_are_read_while_others_are_judged_and_no_figure_changes(heads, bleed_free, monkeypatch) -> None:
    readers: set[str] = set()
    read = assess.load_case

    def noted(path: Path) -> PreparedCase:
        readers.add(threading.current_thread().name.partition("_")[0])
        return read(path)

    monkeypatch.setattr(assess, "load_case", noted)
    cases = [*heads, *bleed_free]
    found = {}
    for threads, reader in ((0, "MainThread"), (2, "loading")):
        readers.clear()
        threshold = assess.choose_threshold(Bright(), cases, threads=threads)
        found[threads] = (threshold, assess.score_types(Bright(5), cases, 0.5, threads=threads))
        assert readers == {reader}
    assert found[0] == found[2]
    assert found[0][0].performance.keys() == {"dice", "invented_ml"}


def test_cases_of_one_sort_have_no_figure_of_the_other(heads, bleed_free) -> None:
    figures = assess.choose_threshold(Bright(), heads).performance
    assert figures.keys() == {"dice"} and figures["dice"] > 0.5
    chosen = assess.choose_threshold(Bright(), bleed_free)
    assert chosen.threshold == 0.5, "nothing says where a bleed would be outlined best"
    assert chosen.performance.keys() == {"invented_ml"} and chosen.performance["invented_ml"] > 0


class Doubtful(nn.Module):
    """Knows blood at one brightness, half believes in it at another, and hardly at a third."""

    def forward(self, image: Tensor) -> Tensor:
        image = image.float()
        probability = torch.full_like(image, 0.001)
        probability[image > 0.4] = 0.1
        probability[image > 0.55] = 0.3
        probability[image > 0.8] = 0.97
        return torch.logit(probability)


def _bleeds(folder: Path, count: int, hidden: int) -> list[Path]:
    """Heads with a bleed and a rim that may be one, of which some hardly show theirs: as much else looks like it."""
    for number in range(count):
        image, mask = np.full((16, 16, 16), 0.3, np.float16), np.zeros((16, 16, 16), np.uint8)
        mask[4:10, 4:10, 4:10] = 1
        if number < hidden:
            image[4:16, 4:10, 4:10] = 0.6
        else:
            image[3:11, 3:11, 3:11] = 0.5
            image[mask > 0] = 0.9
        save_case(PreparedCase(f"bleed-{number:02}", image, mask, 0.01), folder)
    return sorted(folder.glob("*.npz"))


def test_threshold_follows_what_is_expected_of_a_scan_where_enough_cases_say_that_it_helps(
    tmp_path,
) -> None:
    many = _bleeds(tmp_path / "many", 30, hidden=5)
    chosen = assess.choose_threshold(Doubtful(), many)
    assert chosen.lowest == assess.LOWEST_THRESHOLD
    fixed = assess.choose_threshold(Doubtful(), many, follow=False)
    assert fixed.lowest is None and fixed.threshold == chosen.threshold
    assert (
        chosen.performance["dice"] > fixed.performance["dice"] + 0.08
    )  # 5 of 30 are found to two thirds instead of not at all
    assert assess.choose_threshold(Doubtful(), many[:29]).lowest is None, "too few to say so"
    shown = _bleeds(tmp_path / "shown", 30, hidden=0)
    assert assess.choose_threshold(Doubtful(), shown).lowest is None, "nothing is gained"


@pytest.mark.parametrize(
    ("bleeds", "names", "data"),
    [
        (True, {"data", "dice_mean"}, "4 cases, on the network's grid"),
        (False, {"data", "invented_ml_median"}, "3 cases, none with a bleed, on the network's grid"),
    ],
)
def test_the_card_tells_no_figure_that_no_case_has(heads, bleed_free, tmp_path, bleeds, names, data) -> None:
    settings = head_settings()
    (tmp_path / "cases.csv").write_text("id,image,mask\n")
    task = HemorrhageTask(settings, tmp_path, device="cpu")
    weights = build_network(architecture_of(settings)).state_dict()
    card = task.operating_point(TrainingResult(weights, 1, {}), heads if bleeds else bleed_free).performance
    assert card["validation"].keys() == names and card["validation"]["data"] == data


def test_the_papers_settings_keep_the_papers_threshold(heads, tmp_path, monkeypatch) -> None:
    (tmp_path / "cases.csv").write_text("id,image,mask\n")
    monkeypatch.setattr("radiologycnn.training.hemorrhage.run.build_network", lambda architecture: Bright())
    found = {}
    for preset in ("default", "paper"):
        task = HemorrhageTask(replace(head_settings(), preset=preset), tmp_path, device="cpu")
        point = task.operating_point(TrainingResult({}, 1, {}), heads)
        found[preset] = point.threshold
        assert point.performance["validation"]["dice_mean"] > 0.5
    assert found["paper"] == 0.5 != found["default"]


def test_validation_without_a_bleed_has_a_loss_and_no_dice(heads, bleed_free, tmp_path) -> None:
    result = train(heads, bleed_free, head_settings(epochs=1, coarse_epochs=0), tmp_path / "run")
    assert result.figures.keys() == {"validation_loss"}
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        (epoch,) = csv.DictReader(file)
    assert float(epoch["validation_loss"]) > 0 and epoch["validation_dice"] == ""


def test_points_of_a_search_without_a_dice_are_ranked_by_their_loss() -> None:
    task = HemorrhageTask(head_settings(), simulate=2, device="cpu")
    scores = [task.score({"validation_loss": loss}) for loss in (0.2, 0.5)]
    assert scores[0] > scores[1]
    assert task.score({"validation_loss": 0.9, "validation_dice": 0.8}) > task.score(
        {"validation_loss": 0.1, "validation_dice": 0.7}
    )
