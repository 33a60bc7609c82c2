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
    assert found[0][0][1].keys() == {"dice", "invented_ml"}


def test_cases_of_one_sort_have_no_figure_of_the_other(heads, bleed_free) -> None:
    _, figures = assess.choose_threshold(Bright(), heads)
    assert figures.keys() == {"dice"} and figures["dice"] > 0.5
    threshold, figures = assess.choose_threshold(Bright(), bleed_free)
    assert threshold == 0.5, "nothing says where a bleed would be outlined best"
    assert figures.keys() == {"invented_ml"} and figures["invented_ml"] > 0


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
    _, card = task.operating_point(TrainingResult(weights, 1, {}), heads if bleeds else bleed_free)
    assert card["validation"].keys() == names and card["validation"]["data"] == data


def test_the_papers_settings_keep_the_papers_threshold(heads, tmp_path, monkeypatch) -> None:
    (tmp_path / "cases.csv").write_text("id,image,mask\n")
    monkeypatch.setattr("radiologycnn.training.hemorrhage.run.build_network", lambda architecture: Bright())
    found = {}
    for preset in ("default", "paper"):
        task = HemorrhageTask(replace(head_settings(), preset=preset), tmp_path, device="cpu")
        found[preset], card = task.operating_point(TrainingResult({}, 1, {}), heads)
        assert card["validation"]["dice_mean"] > 0.5
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
