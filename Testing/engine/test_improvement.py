"""Improving a model: better on held-out cases or not kept, an honest card, the old model untouched, resumable."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.improvable import (
    FRESH_HU,
    MATRIX,
    OLD_HU,
    corrected_folder,
    small_model,
    small_scan,
    untrained_model_of_types,
)
from typer.testing import CliRunner

from radiologycnn.annotation.consensus import make_consensus
from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.cli import app
from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.hemorrhage.mask_values import DESCRIPTION_NAME, VALUES_KEY
from radiologycnn.images.volume import Volume
from radiologycnn.models.catalog import find_model
from radiologycnn.training.hemorrhage import cases
from radiologycnn.training.hemorrhage.cases import label_sizes
from radiologycnn.training.improvement import run
from radiologycnn.training.improvement.corrections import Correction, hold_out, learned_sources, read_corrections
from radiologycnn.training.improvement.finetune import between
from radiologycnn.training.improvement.run import improve_model, verdict
from radiologycnn.training.improvement.settings import ImprovementSettings

QUICK = {"epochs": 6, "learning_rate": 2e-3, "simulated": 0}


@pytest.fixture(scope="module")
def model(made_once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = tmp_path_factory.mktemp("small") / "models"
    return shutil.copytree(made_once("small-model", small_model) / "models", models) / "small-0.2.1"


@pytest.fixture(autouse=True)
def own_models(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(model.parent))


def write_splits(folder: Path, splits: dict[str, str]) -> None:
    path = folder / "cases.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        lines = csv.DictWriter(file, list(rows[0]))
        lines.writeheader()
        lines.writerows({**row, "split": splits.get(row["id"], "")} for row in rows)


def test_twenty_corrections_of_a_kind_that_the_model_misses(model, tmp_path) -> None:
    """Old bleeds, darker than brain: the base misses them, the improved model finds them in cases it never saw."""
    corrected_folder(tmp_path / "data", 20, OLD_HU)
    described = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**described, "lowest_threshold": 0.1}))
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    stages: list[str] = []
    record = improve_model(
        tmp_path / "data", "small-0.2.1", QUICK, "cpu", output=tmp_path / "out",
        progress=lambda fraction, stage: stages.append(stage),
    )  # fmt: skip
    assert record["accepted"], record["message"]
    assert record["after"]["dice"] > record["before"]["dice"] + 0.3
    assert record["learned_from"] == {
        "cases": 15, "held_out": 5, "raters": ["ab", "cd"], "masks": "latest", "simulated": 0
    }  # fmt: skip
    assert set(record["before"]["dice_by_case"]) == set(record["after"]["dice_by_case"])
    assert [row["epoch"] for row in record["log"]] == [1, 2, 3, 4, 5, 6]
    assert record["log"][-1]["train_loss"] < record["log"][0]["train_loss"]
    assert record["log"][-1]["held_out_dice"] == pytest.approx(record["after"]["dice"], abs=1e-4)
    shown = next(stage for stage in stages if stage.startswith("Epoch 3 of 6"))
    assert "loss" in shown and "held-out Dice" in shown and "(before " in shown

    package = find_model(tmp_path / "out" / "small-0.3.0")
    assert package.id == record["model"] == "small-0.3.0"
    assert "15 head CTs" in package.training_data and "small-0.2.1" in package.training_data
    card = package.read_description()["improvement"]
    assert card["base"] == {"id": "small-0.2.1", "sha256": find_model(model).weights_sha256}
    assert (card["cases"], card["raters"]) == (15, ["ab", "cd"])
    assert card["held_out_dice"]["after"] > card["held_out_dice"]["before"]
    assert package.simulated
    assert package.lowest_threshold is None, "nobody knows whether its probabilities can be trusted"
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before

    # what it learned from cannot be held out the next time
    corrections = read_corrections(AnnotationDataset(tmp_path / "data"))
    assert len(learned_sources(package)) == 15
    again = hold_out(corrections, 0.25, learned_sources(package))[1]
    assert {one.case for one in again} == set(record["before"]["dice_by_case"])
    with pytest.raises(InputError, match="Too few"):
        hold_out(corrections, 0.25, {one.source for one in corrections})


def test_corrupted_corrections_are_refused_and_nothing_is_written(model, tmp_path) -> None:
    """Bleeds that the model knows, learned from masks that lie beside them: worse where the masks are right."""

    def beside(number: int, mask: np.ndarray) -> np.ndarray:
        return mask if number < 3 else np.roll(mask, (5, 9, 9), (0, 1, 2))

    corrected_folder(tmp_path / "data", 12, FRESH_HU, beside)
    write_splits(tmp_path / "data", {f"case-{n:04d}": "validation" for n in (1, 2, 3)})
    arguments = ["improve", str(tmp_path / "data"), "--model", str(model), "-o", str(tmp_path / "out")]
    arguments += ["--epochs", "6", "--learning-rate", "0.002", "--simulated", "0", "--device", "cpu"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "not better and was not kept: Dice on 3 held-out cases" in result.output
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "data" / "improvement" / "checkpoint.pt").exists()
    assert (tmp_path / "data" / "improvement" / "log.csv").is_file()


def test_cancelled_run_goes_on_to_the_same_end(model, tmp_path) -> None:
    corrected_folder(tmp_path / "data", 6, OLD_HU)
    settings = {**QUICK, "epochs": 3}
    whole = improve_model(tmp_path / "data", model, settings, "cpu", output=tmp_path / "one")
    stages: list[str] = []

    def stop_in_the_second_epoch() -> bool:
        return any(stage.startswith("Epoch 1 of 3") for stage in stages)

    def run(**more: object) -> dict:
        stages.clear()
        report = {"progress": lambda fraction, stage: stages.append(stage)}
        return improve_model(tmp_path / "data", model, settings, "cpu", output=tmp_path / "two", **report, **more)

    with pytest.raises(Cancelled):
        run(cancelled=lambda: len(stages) >= 2)
    assert stages[-1].startswith("Preparing case 2 of 6")
    with pytest.raises(Cancelled):
        run(cancelled=stop_in_the_second_epoch)
    assert not (tmp_path / "two").exists()
    resumed = run()
    assert [stage[:7] for stage in stages if stage.startswith("Epoch")] == ["Epoch 2", "Epoch 3"]
    assert resumed["after"] == whole["after"]
    assert [row["epoch"] for row in resumed["log"]] == [1, 2, 3]
    # other masks are another run: nothing is gone on with
    with pytest.raises(Cancelled):
        run(cancelled=stop_in_the_second_epoch)
    corrected_folder(tmp_path / "data", 6, OLD_HU, lambda number, mask: np.roll(mask, 1, 2))
    run()
    assert stages[[stage[:7] for stage in stages].index("Epoch 1")].startswith("Epoch 1 of 3")


def test_two_runs_at_once_on_one_dataset_are_refused(model, tmp_path) -> None:
    corrected_folder(tmp_path / "data", 6, OLD_HU)
    told: list[InputError] = []

    def start_another(fraction: float, stage: str) -> None:
        if not told:
            with pytest.raises(InputError, match="improved on this dataset already") as refused:
                improve_model(tmp_path / "data", model, {**QUICK, "epochs": 1}, "cpu", output=tmp_path / "other")
            told.append(refused.value)

    settings = {**QUICK, "epochs": 1}
    improve_model(tmp_path / "data", model, settings, "cpu", output=tmp_path / "out", progress=start_another)
    assert told[0].code == "already-improving" and told[0].hint
    improve_model(tmp_path / "data", model, settings, "cpu", output=tmp_path / "out")  # the lock went with the run


def test_consensus_is_learned_where_it_is_chosen(tmp_path) -> None:
    corrected_folder(tmp_path, 6, OLD_HU)
    dataset = AnnotationDataset(tmp_path)
    make_consensus(dataset, "union", use_for_training=True)
    found = read_corrections(dataset)
    assert {one.mask.split("/")[0] for one in found} == {"consensus"}
    assert found[0].raters == ("ab",)


def correction(number: int, patient: str = "", split: str = "") -> Correction:
    case = f"case-{number:04d}"
    return Correction(case, f"{case}.0", f"{number:032x}", patient or case, split, "", "", ("ab",))


def test_patients_are_on_one_side_and_splits_by_hand_count() -> None:
    cases = [correction(n, patient=f"p{n // 3}") for n in range(18)]
    training, held_out = hold_out(cases, 0.3)
    assert {one.patient for one in training}.isdisjoint({one.patient for one in held_out})
    assert 4 <= len(held_out) <= 9 and len(training) + len(held_out) == 18
    assert hold_out(list(reversed(cases)), 0.3)[1][0].patient in {one.patient for one in held_out}
    by_hand = [correction(n, split="test" if n < 3 else "") for n in range(10)]
    assert [one.case for one in hold_out(by_hand, 0.9)[1]] == ["case-0000", "case-0001", "case-0002"]
    never = [correction(n, split="train" if n < 7 else "") for n in range(10)]
    assert {one.case for one in hold_out(never, 0.9)[1]} <= {"case-0007", "case-0008", "case-0009"}


def test_held_out_cases_stay_held_out_as_others_come() -> None:
    few = {one.case for one in hold_out([correction(n) for n in range(12)], 0.25)[1]}
    many = {one.case for one in hold_out([correction(n) for n in range(16)], 0.25)[1]}
    assert len(few & many) >= 2


def test_what_cannot_be_improved_is_said_before_anything_is_done(model, tmp_path) -> None:
    corrected_folder(tmp_path / "data", 4, OLD_HU)
    with pytest.raises(InputError, match="from 5 accepted cases on; there are 4"):
        improve_model(tmp_path / "data", model)
    with pytest.raises(InputError, match="no annotation dataset"):
        improve_model(tmp_path, model)
    with pytest.raises(InputError, match="epochs is at least 1"):
        improve_model(tmp_path / "data", model, {"epochs": 0})
    with pytest.raises(InputError, match="the seed is a whole number that is not negative"):
        improve_model(tmp_path / "data", model, {"seed": -1})
    with pytest.raises(InputError, match="colour is unknown"):
        ImprovementSettings.from_dict({"colour": 1})
    with pytest.raises(InputError, match="one patient"):
        hold_out([correction(n, patient="p") for n in range(6)], 0.25)


def test_without_torch_it_is_said_what_is_needed(model, tmp_path, monkeypatch) -> None:
    corrected_folder(tmp_path / "data", 5, OLD_HU)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ResourceError, match="needs PyTorch") as told:
        improve_model(tmp_path / "data", model)
    assert told.value.code == "needs-torch" and told.value.hint


def test_without_monai_it_is_said_before_any_scan_is_read(model, tmp_path, monkeypatch) -> None:
    corrected_folder(tmp_path / "data", 5, OLD_HU)
    for name in [name for name in sys.modules if name.split(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "monai", None)
    said = []
    with pytest.raises(ResourceError, match="monai, which is not installed") as told:
        improve_model(tmp_path / "data", model, progress=lambda _, text: said.append(text))
    assert told.value.code == "needs-torch" and "pip install monai" in told.value.hint
    assert not [text for text in said if "case" in text.lower()]


def test_a_mask_that_was_changed_is_not_learned(model, tmp_path) -> None:
    corrected_folder(tmp_path / "data", 5, OLD_HU)
    path = next((tmp_path / "data" / "versions" / "ab").glob("case-0001.*"))
    path.unlink()  # it is linked from masks/ too
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="case-0001 was changed"):
        improve_model(tmp_path / "data", model, QUICK, "cpu")


def test_where_the_whole_way_forgets_half_of_it_is_taken(model, tmp_path, monkeypatch) -> None:
    answers = iter((True, False, False))
    monkeypatch.setattr(run, "has_forgotten", lambda earlier: next(answers))
    array, mask = small_scan(50, OLD_HU)  # quicker than what the simulator draws, and no harder than what is learned
    simulated = Volume(array=array, ijk_to_lps=MATRIX, modality="CT", name="", notes=(), provenance={})
    monkeypatch.setattr(cases, "simulated_scan", lambda case_id, types=False: (simulated, mask))
    corrected_folder(tmp_path / "data", 6, OLD_HU)
    # So fast that half of what is learned is much better than nothing, whatever the rounding.
    settings = {**QUICK, "learning_rate": 5e-3, "simulated": 2}
    record = improve_model(tmp_path / "data", model, settings, "cpu", output=tmp_path / "models")
    assert record["new_share"] == 0.5 and record["accepted"], record["message"]
    card = json.loads((Path(record["path"]) / "model.json").read_text("utf-8"))
    assert card["improvement"]["new_share"] == 0.5 and "half way" in card["training_data"]


def test_weights_between_old_and_new() -> None:
    old, new = {"w": torch.tensor([0.0, 2.0])}, {"w": torch.tensor([4.0, 2.0])}
    assert between(old, new, 0.5)["w"].tolist() == [2.0, 2.0]
    assert between(old, new, 1.0)["w"].tolist() == [4.0, 2.0]


def test_verdict_says_the_numbers() -> None:
    assert verdict(0.5, 0.6, 5, None) == (
        True,
        "The new model is better: Dice on 5 held-out cases 0.600, before 0.500.",
    )
    assert not verdict(0.5, 0.5, 5, None)[0]
    kept, message = verdict(0.5, 0.7, 5, {"cases": 4, "before": 0.8, "after": 0.6})
    assert not kept and "forgotten" in message and "0.600, before 0.800" in message
    assert verdict(0.5, 0.7, 5, {"cases": 4, "before": 0.8, "after": 0.78})[0]


def test_simulated_scans_are_shared_between_learning_and_checking() -> None:
    assert ImprovementSettings().simulated_scans(True) == (8, 4)
    assert ImprovementSettings().simulated_scans(False) == (0, 0)
    assert ImprovementSettings(simulated=3).simulated_scans(False) == (2, 1)


def test_a_model_of_types_learns_the_types_of_corrections(tmp_path) -> None:
    base = untrained_model_of_types(tmp_path)
    corrected_folder(tmp_path / "data", 12, FRESH_HU, lambda number, mask: mask * np.uint8(3), has_types=True)
    settings = {"epochs": 8, "learning_rate": 1e-2, "simulated": 0}
    record = improve_model(tmp_path / "data", base, settings, "cpu", output=tmp_path / "out")
    assert record["accepted"], record["message"]
    assert record["after"]["dice"] > 0.5 > record["before"]["dice"], "blood of another type would not count"
    assert [label["value"] for label in find_model(record["path"]).labels] == [1, 2, 3, 4, 5]
    prepared = tmp_path / "data" / "improvement" / "cases"
    assert {len(label_sizes(path)) - 1 for path in prepared.rglob("*.npz")} == {3}
    (tmp_path / "data" / DESCRIPTION_NAME).write_text(json.dumps({VALUES_KEY: {"3": "sah"}}))
    corrected_folder(tmp_path / "data", 6, FRESH_HU, lambda number, mask: mask[::-1] * np.uint8(3), has_types=True)
    improve_model(tmp_path / "data", base, {**settings, "epochs": 1}, "cpu", output=tmp_path / "out")
    assert {len(label_sizes(path)) - 1 for path in prepared.rglob("*.npz")} == {5}  # what values mean was corrected
    assert len(list(prepared.rglob("*.made-from"))) == len(list(prepared.rglob("*.npz"))) == 12
    corrected_folder(tmp_path / "plain", 6, FRESH_HU)
    with pytest.raises(InputError, match="6 of 6 accepted masks, such as that of case-0001, do not"):
        improve_model(tmp_path / "plain", base, QUICK, "cpu")
