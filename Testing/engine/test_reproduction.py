"""Reproductions: splits, readers and methods are those that were asked for; a tiny run writes everything."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from engine.reproduced_folder import check_report, contents
from engine.terminal import output_of

from radiologycnn.baselines.interface import ScanCase
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.rater_agreement import agreement_by_pair
from radiologycnn.networks.architectures import build_network, count_parameters
from radiologycnn.reproduction import arab2020, shim2020
from radiologycnn.reproduction.arab2020_agreement import pair_rows
from radiologycnn.reproduction.arab2020_raters import read_raters
from radiologycnn.reproduction.data_cases import split_rows
from radiologycnn.reproduction.readers import PROFILES, read_readers, simulated_readers, write_readers
from radiologycnn.reproduction.reproduce import reproduce
from radiologycnn.reproduction.settings import ARAB_METHODS, SHIM_METHODS, ReproductionSettings
from radiologycnn.reproduction.shim2020_readers import figures_of
from radiologycnn.reproduction.shim2020_run import make_classifier
from radiologycnn.reproduction.workspace import Workspace


def test_raters_of_two_cases_have_no_line_and_the_note_says_so() -> None:
    rated = {"first": "Anna", "second": "M", "dice": 0.0, "first_ml": 2.0, "second_ml": 2.0}
    own = agreement_by_pair([{**rated, "case": case, "kappa": kappa} for case, kappa in (("a", 0.0), ("b", -0.002))])
    kappa, *line, dice, absolute, signed = pair_rows("Anna, M", None, own[0])
    assert kappa.run == dice.run == absolute.run == "0.00 ± 0.00" and signed.run == "0.00"  # no -0.00
    assert [(row.run, row.note) for row in line] == [("", "too few different volumes for a line")] * 2
    assert not any(row.note for row in pair_rows("E1, E2", arab2020.AGREEMENT[0], None))  # not rated at all


def test_splits_keep_what_the_manifest_says_and_draw_the_rest() -> None:
    rows = [{"id": str(n), "split": ""} for n in range(53)]
    rows += [{"id": "t", "split": "test"}, {"id": "u", "split": "test"}]
    found = split_rows(rows, 0, 10 / 55, 5 / 45)
    assert [row["id"] for row in found["test"]] == ["t", "u"]
    assert len(found["validation"]) == 6 and len(found["train"]) == 47
    assert found == split_rows(rows, 0, 10 / 55, 5 / 45)
    with pytest.raises(InputError, match="training, a validation and a test"):
        split_rows(rows[:1], 0, 0.2, 0.2)


def test_simulated_readers_err_as_their_profile_and_come_back_from_csv(tmp_path) -> None:
    rng = np.random.default_rng(0)
    truth = {f"c{n}": int(rng.choice(5, p=[0.36, 0.155, 0.11, 0.245, 0.13])) for n in range(600)}
    readers = simulated_readers(truth, 5)
    assert {r.group: sum(o.group == r.group for o in readers) for r in readers} == shim2020.READERS
    for group, profile in PROFILES.items():
        own = [figures_of(list(truth.values()), list(r.classes.values())) for r in readers if r.group == group]
        assert np.median([one["sensitivity"] for one in own]) == pytest.approx(profile.sensitivity, abs=0.08)
        assert np.median([one["specificity"] for one in own]) == pytest.approx(profile.specificity, abs=0.2)
        printed = float(shim2020.GROUPS["top1"][1 + list(PROFILES).index(group)].split(" ")[0]) / 100
        assert np.median([one["top1"] for one in own]) == pytest.approx(printed, abs=0.1)
    assert simulated_readers(truth, 5) == readers != simulated_readers(truth, 6)
    write_readers(tmp_path / "readers.csv", readers)
    assert read_readers(tmp_path / "readers.csv", list(truth)) == readers
    with pytest.raises(InputError, match="no answer on 1 test case, such as new"):
        read_readers(tmp_path / "readers.csv", ["c0", "new"])


def test_reader_tables_that_cannot_be_read_are_refused(tmp_path) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("reader,case,tear_class\nA,c0,Medium\n")
    with pytest.raises(InputError, match="lacks one of the columns"):
        read_readers(path, ["c0"])
    path.write_text("reader,group,case,tear_class\nA,x,c0,Enormous\n")
    with pytest.raises(InputError, match="Line 2"):
        read_readers(path, ["c0"])
    path.write_text("reader,group,case,tear_class\nA,x,c0,4\n")
    assert read_readers(path, ["c0"], "paper")[0].classes == {"c0": 1}  # the paper's 4 is Partial


def test_human_raters_must_have_judged_every_test_case(tmp_path) -> None:
    (tmp_path / "a.nii.gz").touch()
    path = tmp_path / "raters.csv"
    path.write_text("rater,case,mask\nE1,c0,a.nii.gz\n")
    case = ScanCase("c0", tmp_path / "x", tmp_path / "y")
    assert read_raters(path, [case]) == {"E1": {"c0": tmp_path / "a.nii.gz"}}
    with pytest.raises(InputError, match="Rater E1 has no mask of 1 test case, such as c1"):
        read_raters(path, [case, ScanCase("c1", tmp_path / "x", tmp_path / "y")])
    path.write_text("rater,case,mask\nM,c0,a.nii.gz\n")
    with pytest.raises(InputError, match="cannot be called M"):
        read_raters(path, [case])


def test_data_and_readers_that_are_not_there_leave_no_folder_behind(tmp_path) -> None:
    settings, gone = ReproductionSettings.of("shim2020", "quick"), tmp_path / "gone"
    with pytest.raises(InputError, match="There is no folder"):
        reproduce(tmp_path / "run", settings, data=gone)
    with pytest.raises(InputError, match="There is no file"):
        reproduce(tmp_path / "run", settings, readers=gone)
    assert not (tmp_path / "run").exists()


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(InputError, match="resnet"):
        ReproductionSettings.of("arab2020", "quick", methods=("cnn_ds", "resnet"))
    with pytest.raises(InputError, match="cnn_ds"):
        ReproductionSettings.of("shim2020", "quick", methods=("cnn_ds",))


def test_reduced_run_trains_every_method_of_the_paper_and_is_no_quick_one(tmp_path) -> None:
    reduced = ReproductionSettings.of("arab2020", "reduced", training=40)
    assert (reduced.training, reduced.methods, reduced.quick) == (40, ARAB_METHODS, False)
    shim = ReproductionSettings.of("shim2020", "reduced")
    assert (shim.methods, shim.quick) == (SHIM_METHODS, False) and shim.training + shim.test < 1000
    for paper in ("arab2020", "shim2020"):
        with pytest.raises(InputError, match="two runs"):
            output_of("reproduce", paper, "--quick", "--reduced", "-o", tmp_path)


def test_every_rival_of_a_reduced_shim_run_is_a_small_network_of_its_grid(tmp_path) -> None:
    settings = ReproductionSettings.of("shim2020", "reduced")
    workspace = Workspace(tmp_path, settings, {})
    for name in settings.methods:
        classifier = make_classifier(name, workspace, "cpu")
        assert (classifier.settings.grid_size, classifier.settings.epochs) == (32, 45)
        network = build_network(classifier.architecture).eval()
        assert count_parameters(network) < 1_000_000
        assert network(torch.zeros(1, 1, 32, 32, 32)).shape == (1, 5)


ARAB = ReproductionSettings.of(
    "arab2020", "quick", training=3, validation=1, test=3, methods=("cnn_ds", "cnn_ds_without", "threshold"),
    training_changes={"epochs": 1, "base_filters": 2},
)  # fmt: skip
ARAB_TABLES = (
    "table-1-demographics", "table-2-agreement", "table-3-methods", "table-4-ablation", "table-5-hyper-parameters",
    "text-figures", "tests-between-methods", "beyond-overlap", "by-bleed",
)  # fmt: skip
ARAB_FIGURES = ("figure-1-disagreement", "figure-2-examples", "figure-3-loss", "figure-by-type", "figure-volumes")


@pytest.fixture(scope="module")
def arab(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("arab") / "run"
    reproduce(folder, ARAB, device="cpu")
    return folder


def test_arab_writes_every_table_and_figure(arab) -> None:
    page = check_report(arab, ARAB_TABLES, ARAB_FIGURES)
    assert "This run (simulated scans and raters)" in page and "This run (simulated scans)" in page
    summary = json.loads((arab / "summary.json").read_text(encoding="utf-8"))
    by_what = {row["what"]: row for row in summary["table-3-methods"]}
    forest = "Random forest (PItcHPERFeCT's features): Dice"
    assert by_what["CNN-DS: Dice"]["paper"] == "0.84 ± 0.06" and "±" in by_what["CNN-DS: Dice"]["run"]
    assert by_what[forest]["run"] == "" and "not run" in by_what[forest]["note"]
    assert "Threshold + largest component: Dice" in by_what
    with (arab / "cases.csv").open(newline="", encoding="utf-8") as file:
        assert [row["method"] for row in csv.DictReader(file)] == [name for name in ARAB.methods for _ in range(3)]


def test_a_finished_run_is_only_read(arab) -> None:
    before = contents(arab)
    reproduce(arab, ARAB, device="cpu")
    assert contents(arab) == before
    other = ReproductionSettings.of("arab2020", "quick", seed=9)
    with pytest.raises(InputError, match=r"other settings: .*seed"):
        reproduce(arab, other, device="cpu")


def test_a_stopped_run_goes_on_to_the_same_outcome(arab, tmp_path) -> None:
    folder = tmp_path / "run"
    for stop_in in ("Learning, CNN-DS", "Testing, CNN without"):
        stage = []

        def stop(stage=stage, stop_in=stop_in) -> bool:
            return bool(stage) and stage[-1].startswith(stop_in)

        with pytest.raises(Cancelled):
            reproduce(
                folder, ARAB, device="cpu", progress=lambda _, text, stage=stage: stage.append(text), cancelled=stop
            )
    assert not (folder / "report.html").exists()
    reproduce(folder, ARAB, device="cpu")
    whole, resumed = contents(arab), contents(folder)
    assert whole.keys() == resumed.keys()
    # Times are measured, and stand in records, tables and the page.
    same = [name for name in whole if re.match(r"(masks|raters)/.*\.nii\.gz|data/.*|steps/(metrics|agree).*", name)]
    same += [name for name in whole if name.endswith(".safetensors")]
    same += [f"figures/{name}.svg" for name in ARAB_FIGURES]
    assert len(same) > 20
    assert [name for name in same if whole[name] != resumed[name]] == []
