"""Five types of bleed: from masks and what their values mean to a model, its card and figures of each type."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from engine.hand_made import head_phantom
from engine.terminal import output_of

from radiologycnn.errors import InputError
from radiologycnn.evaluation.label_scores import label_overlaps, score_labels
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.labels import BLEED_TYPES, HEMORRHAGE
from radiologycnn.hemorrhage.mask_values import standard_labels, stated_values
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images import read_volume, write_image
from radiologycnn.models.package import load_package
from radiologycnn.simulation import head_ct as simulation
from radiologycnn.simulation.head_ct import BLEED_LABELS, HeadCtConfig, SimulatedHeadCt
from radiologycnn.training.hemorrhage.assess import assess, summarize
from radiologycnn.training.hemorrhage.cases import (
    TRAINING_MATRIX,
    label_sizes,
    load_case,
    prepare_folder,
    simulated_scan,
)

GRID = Preprocessing((32, 32, 16), (0.0, 100.0), "clamp_then_resample", True, 100.0)
BHSD = {"1": "edh", "2": "iph", "3": "ivh", "4": "sah", "5": "sdh"}
STANDARD = {str(label.value): kind for kind, label in BLEED_TYPES.items()}
TINY = {
    "grid_shape_ijk": [32, 32, 16],
    "pixel_unshuffle": 1,
    "crop": "none",
    "base_filters": 2,
    "epochs": 2,
    "coarse_epochs": 1,
}


def write_folder(folder: Path, values: dict[str, str], described: bool = True, types: bool = True) -> Path:
    """Six heads, each with two bleeds whose masks hold the values of their types; the last one without any."""
    folder.mkdir(parents=True)
    by_type = {kind: int(value) for value, kind in values.items()}
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("id", "image", "mask", *(["types"] if types else [])))
        for number in range(6):
            kinds = [] if number == 5 else [list(BLEED_TYPES)[number], list(BLEED_TYPES)[(number + 1) % 5]]
            places = [(-35.0, -20.0, 0.0), (35.0, 20.0, 0.0)]
            labels = None
            for kind, place in zip(kinds or ["iph"], places):
                volume, bleed = head_phantom((32, 52, 52), np.diag([4.0, 4.5, 5.8]), place, 22.0 if kinds else 0.0)
                labels = np.zeros(bleed.shape, np.uint8) if labels is None else labels
                labels[bleed] = by_type[kind]
            write_image(folder / f"scan-{number}.nii.gz", volume.array, volume.ijk_to_lps)
            write_image(folder / f"mask-{number}.nii.gz", labels, volume.ijk_to_lps)
            row = [f"head-{number}", f"scan-{number}.nii.gz", f"mask-{number}.nii.gz"]
            lines.writerow([*row, *(["+".join(kinds) or "none"] if types else [])])
    if described:
        (folder / "dataset_description.json").write_text(json.dumps({"Name": "Made up", "MaskValues": values}))
    return folder


def test_the_simulator_and_the_labels_agree() -> None:
    assert {kind: label.value for kind, label in BLEED_TYPES.items()} == BLEED_LABELS
    assert len({label.color_rgb for label in BLEED_TYPES.values()}) == 5


def test_masks_with_values_of_their_own_become_the_same_cases(tmp_path) -> None:
    prepared = []
    for name, values in (("bhsd", BHSD), ("standard", STANDARD)):
        folder = write_folder(tmp_path / name, values)
        paths = prepare_folder(folder, tmp_path / f"{name}-cases", GRID, types=True)[""]
        prepared.append([load_case(path) for path in paths])
        assert [set(np.flatnonzero(label_sizes(path)[1:]) + 1) for path in paths] == [
            {1, 2}, {2, 3}, {3, 4}, {4, 5}, {1, 5}, set(),
        ]  # fmt: skip
    for one, other in zip(*prepared):
        assert np.array_equal(one.labels, other.labels) and set(np.unique(one.mask)) <= {0, 1}


def test_what_values_mean_is_prepared_anew_where_it_was_corrected(tmp_path) -> None:
    folder = write_folder(tmp_path / "data", STANDARD, described=True, types=True)
    description = folder / "dataset_description.json"

    def values_of_the_first() -> set[int]:
        first = prepare_folder(folder, tmp_path / "cache", GRID, types=True)[""][0]
        return set(np.flatnonzero(label_sizes(first)[1:]) + 1)

    assert values_of_the_first() == {1, 2}
    swapped = {"1": "sah", "2": "edh", "3": "sdh", "4": "ivh", "5": "iph"}
    description.write_text(json.dumps({"MaskValues": swapped}))
    assert values_of_the_first() == {BLEED_TYPES["sah"].value, BLEED_TYPES["edh"].value}
    description.unlink()
    assert values_of_the_first() == {1, 2}  # as the column types says
    table = folder / "cases.csv"
    table.write_text(table.read_text().replace("iph+ivh", "iph+sah"))
    with pytest.raises(InputError, match="the column types says “iph\\+sah”"):
        values_of_the_first()


@pytest.mark.parametrize(
    ("described", "types", "change", "works"),
    [
        (False, True, None, True),  # the column names what the values stand for
        (False, False, None, False),  # nothing does
        (False, True, "one value", False),  # two types are stated, and the mask holds one value
        (True, False, "another value", False),
        (True, False, "damaged", False),
        (True, False, "another type", False),
    ],
)
def test_types_that_are_not_known_are_not_learned(tmp_path, described, types, change, works) -> None:
    folder = write_folder(tmp_path / "data", STANDARD, described, types)
    if change in ("one value", "another value"):
        mask = read_volume(folder / "mask-2.nii.gz")
        value = 1 if change == "one value" else 9
        write_image(folder / "mask-2.nii.gz", value * (mask.array > 0).astype(np.uint8), mask.ijk_to_lps)
    elif change:
        text = "[broken" if change == "damaged" else json.dumps({"MaskValues": {"1": "stroke"}})
        (folder / "dataset_description.json").write_text(text)
    if works:
        assert len(prepare_folder(folder, tmp_path / "cases", GRID, types=True)[""]) == 6
        return
    words = {"damaged": "cannot be read", "another type": "stroke"}.get(change, "are not known")
    with pytest.raises(InputError, match=words):
        prepare_folder(folder, tmp_path / "cases", GRID, types=True)
    if words == "are not known":
        assert len(prepare_folder(folder, tmp_path / "blood", GRID)[""]) == 6  # blood or none is


def test_simulated_scans_to_learn_types_from_hold_each_as_often(monkeypatch) -> None:
    made = []

    def simulate(index: int, seed: int, config: HeadCtConfig) -> SimulatedHeadCt:
        made.append((index, seed, config))
        volume, bleed = head_phantom((16, 26, 26), np.diag([8.0, 9.0, 11.6]), (0.0, 0.0, 0.0), 22.0)
        return SimulatedHeadCt(volume, 3 * bleed.astype(np.uint8), {}, np.eye(4))

    monkeypatch.setattr(simulation, "simulate_head_ct", simulate)
    for types in (False, True):
        _, labels = simulated_scan("sim-5-00007", types)
        assert set(np.unique(labels)) == {0, 3}
    assert [(index, seed, config.scanner.matrix) for index, seed, config in made] == [(7, 5, TRAINING_MATRIX)] * 2
    plain, balanced = (config.bleeds for _, _, config in made)
    assert plain == HeadCtConfig().bleeds
    assert set(balanced.primary_weights) == set(BLEED_TYPES) and len(set(balanced.primary_weights.values())) == 1


def test_a_model_of_types_from_a_folder_to_figures_of_each_type(tmp_path) -> None:
    data = write_folder(tmp_path / "data", BHSD)
    (tmp_path / "settings.json").write_text(json.dumps({"settings": {**TINY, "validation_share": 0.4}}))
    said = output_of("train", "hemorrhage", "--data", data, "-o", tmp_path / "run", "--settings",
        tmp_path / "settings.json", "--types", "--device", "cpu", "--name", "five")  # fmt: skip
    package = load_package(tmp_path / "run" / "five-0.1.0")
    assert [(label["value"], label["name"]) for label in package.labels] == [
        (label.value, label.name) for label in BLEED_TYPES.values()
    ]
    assert package.architecture["parameters"]["out_labels"] == 5 and "five types" in package.title
    card = package.performance["validation"]["types"]
    validation = package.performance["validation"]  # some draws hold no scan without blood
    assert "None" not in said and "Dice mean" in said
    assert ("invented median (mL)" in said) == ("invented_ml_median" in validation)
    assert {kind for kind in BLEED_TYPES if f"      {kind.upper()}: cases " in said} == {
        kind for kind, one in card.items() if one["cases"] or one["found_wrongly"]
    }
    assert set(card) == set(BLEED_TYPES) and sum(one["cases"] for one in card.values()) in (2, 4)

    scan = read_volume(data / "scan-1.nii.gz")
    result = HemorrhageSegmenter(package, "cpu").segment(scan, threshold=0.01)
    assert result.mask.max() <= 5 and result.probability.shape == (5, *scan.array.shape)
    assert [total.label_name for total in result.measurements.totals] == [one.name for one in BLEED_TYPES.values()]

    labels = read_volume(data / "mask-1.nii.gz").array
    truth = {"bleeds": [{"kind": "ivh"}, {"kind": "sdh"}], "index": 1}
    known = SimulatedHeadCt(scan, standard_labels(labels, stated_values(data)), truth, np.eye(4))
    figures = summarize(assess(package, [known], "cpu"))
    assert {kind for kind, one in figures["types"].items() if one["cases"]} == {"ivh", "sdh"}


def test_cross_validation_of_types_has_a_figure_of_each(tmp_path) -> None:
    data = write_folder(tmp_path / "data", STANDARD)
    (tmp_path / "settings.json").write_text(json.dumps({"settings": {**TINY, "coarse_epochs": 0, "epochs": 1}}))
    printed = output_of("train", "hemorrhage", "--data", data, "-o", tmp_path / "run", "--settings",
                  tmp_path / "settings.json", "--types", "--folds", 2, "--device", "cpu")  # fmt: skip
    with (tmp_path / "run" / "cross-validation.csv").open(newline="") as file:
        pooled = {row["figure"]: row for row in csv.DictReader(file) if row["part"] == "pooled"}
    assert all(pooled[f"{kind}_dice"]["cases"] == "2" for kind in BLEED_TYPES)
    assert "IPH Dice" in printed


def box(first: int, value: int) -> np.ndarray:
    labels = np.zeros((6, 12, 12), np.uint8)
    labels[1:4, 2:8, first : first + 4] = value
    return labels


def test_each_type_is_scored_where_it_is() -> None:
    values = {"iph": 1, "sdh": 3}
    cases = [
        label_overlaps(box(3, 1), box(3, 1), values),
        label_overlaps(box(5, 1), box(3, 1), values),  # half of it
        label_overlaps(box(3, 1), box(3, 3), values),  # for another type
        label_overlaps(box(3, 0), box(3, 0), values),
    ]
    scores = score_labels(cases)
    assert scores["iph"] == {
        "cases": 2,
        **dict.fromkeys(("dice", "precision", "recall", "f1"), 0.75),
        "found_wrongly": 1,
    }
    assert scores["sdh"] == {
        "cases": 1,
        **dict.fromkeys(("dice", "precision", "recall", "f1"), 0.0),
        "found_wrongly": 0,
    }
    assert score_labels([]) == {}


def test_evaluate_compares_types_of_different_values(tmp_path) -> None:
    matrix = np.diag([1.0, 1.0, 2.0, 1.0])
    found, reference = tmp_path / "found", tmp_path / "reference"
    for folder in (found / "b", reference):
        folder.mkdir(parents=True)
    (reference / "dataset_description.json").write_text(json.dumps({"MaskValues": BHSD}))
    write_image(found / "a.nii.gz", box(3, 1), matrix)  # an iph
    write_image(reference / "a.nii.gz", box(5, 2), matrix)  # BHSD's
    write_image(found / "b" / "mask.nii.gz", box(3, 3), matrix)  # an sdh
    write_image(reference / "b.nii.gz", box(3, 1), matrix)  # which was an edh
    printed = output_of("evaluate", "masks", found, reference, "-o", tmp_path / "out", "--types")
    with (tmp_path / "out" / "types.csv").open(newline="") as file:
        rows = {(row["case"], row["type"]): float(row["dice"]) for row in csv.DictReader(file)}
    assert rows == {("a", "iph"): pytest.approx(0.5), ("b", "sdh"): 0.0, ("b", "edh"): 0.0}
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["metrics"]["dice"]["mean"] == pytest.approx(0.75)  # as blood, b is right
    assert summary["types"]["iph"]["dice"] == pytest.approx(0.5)
    assert summary["types"]["sdh"] == {"cases": 0, "dice": None, "precision": None, "recall": None, "f1": None,
                                       "found_wrongly": 1}  # fmt: skip
    assert "Epidural hemorrhage" in printed and "Intraventricular" not in printed
    write_image(found / "a.nii.gz", box(3, 7), matrix)
    with pytest.raises(InputError, match="no type of bleed"):
        output_of("evaluate", "masks", found, reference, "-o", tmp_path / "other", "--types")


def test_masks_away_from_what_says_their_values_are_not_taken_for_others(tmp_path) -> None:
    """As ``datasets import`` leaves them: the manifest and its description in one folder, the masks in another."""
    matrix = np.diag([1.0, 1.0, 2.0, 1.0])
    found, masks, data = (tmp_path / name for name in ("found", "masks", "data"))
    for folder in (found, masks, data):
        folder.mkdir()
    write_image(found / "a.nii.gz", box(3, 4), matrix)  # an edh
    write_image(masks / "first.nii.gz", box(3, 1), matrix)  # BHSD's
    (data / "dataset_description.json").write_text(json.dumps({"MaskValues": BHSD}))
    (data / "cases.csv").write_text(f"id,mask\na,{masks / 'first.nii.gz'}\n")
    output_of("evaluate", "masks", found, data, "-o", tmp_path / "out", "--types")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["types"]["edh"]["dice"] == 1.0


@pytest.mark.parametrize("said", ["nothing", "blood", "types", "values", "no iph", "iph alone", "empty"])
def test_blood_or_none_does_not_count_as_iph(tmp_path, said) -> None:
    """Masks that hold 1 alone are compared by type where a file beside them, or the references, leave no doubt."""
    matrix = np.diag([1.0, 1.0, 2.0, 1.0])
    found, reference = tmp_path / "found", tmp_path / "reference"
    for case, value in (("a", 1), ("b", 3)):
        (found / case).mkdir(parents=True)
        write_image(found / case / "mask.nii.gz", box(3, 0 if said == "empty" else 1), matrix)
        reference.mkdir(exist_ok=True)
        write_image(reference / f"{case}.nii.gz", box(3, 1 if said == "iph alone" else value), matrix)
        if said in ("blood", "types"):
            labels = [HEMORRHAGE] if said == "blood" else BLEED_TYPES.values()
            (found / case / "report.json").write_text(json.dumps({"labels": [one.to_dict() for one in labels]}))
        elif said == "no iph":
            (found / case / "report.json").write_text("[]")
    if said == "values":
        (found / "dataset_description.json").write_text(json.dumps({"MaskValues": {"1": "iph"}}))
    arguments = ("evaluate", "masks", found, reference, "-o", tmp_path / "out", "--types")
    if said in ("nothing", "blood", "no iph"):
        with pytest.raises(InputError, match=r"no value but 1.*case “b” holds other types"):
            output_of(*arguments)
        assert not (tmp_path / "out").exists()
    else:
        assert "Intraparenchymal" in output_of(*arguments)
