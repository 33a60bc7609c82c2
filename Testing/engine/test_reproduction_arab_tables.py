"""Arab 2020's tables of runs made by hand: which scans count where, whose they are, what is beside the paper's."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from engine.head_folder import write_head_folder
from scipy import stats

from radiologycnn.baselines.interface import Fit, ScanCase
from radiologycnn.evaluation.rater_agreement import agreement_by_pair
from radiologycnn.evaluation.segmentation_metrics import case_metrics
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.images import read_volume, write_image
from radiologycnn.reproduction import arab2020
from radiologycnn.reproduction.arab2020_agreement import agreement_figures, pair_rows
from radiologycnn.reproduction.arab2020_figures import _bland_altman
from radiologycnn.reproduction.arab2020_groups import case_rows
from radiologycnn.reproduction.arab2020_known import known_bleeds, measured_bleeds
from radiologycnn.reproduction.arab2020_people import Person, simulated_person, stated_person
from radiologycnn.reproduction.arab2020_run import MAIN, ArabResults
from radiologycnn.reproduction.arab2020_tables import arab2020_tables
from radiologycnn.reproduction.arab2020_types import type_figures
from radiologycnn.reproduction.settings import ReproductionSettings
from radiologycnn.reproduction.tables import Row

SETTINGS = ReproductionSettings.of("arab2020", "quick", models="bundled")
MATRIX = np.diag([2.0, 2.0, 5.0, 1.0])


def results_of(methods: dict[str, list[dict]], people: dict[str, Person] | None = None, **more: object) -> ArabResults:
    """Of a run on a data folder whose test cases are those of the metrics; other people are learned from."""
    tested = [row["case"] for row in next(iter(methods.values()))]
    cases = {part: [ScanCase(name, Path(), Path()) for name in names] for part, names in {
        "train": [name for name in people or {} if name not in tested], "validation": [], "test": tested,
    }.items()}  # fmt: skip
    facts = {
        "workspace": SimpleNamespace(settings=SETTINGS, folder=Path()),
        "simulated": False,
        "simulated_raters": False,
        "cases": cases,
        "truths": {},
        "people": people or {name: Person(name) for name in tested},
        "fits": {name: Fit(None, None, {}) for name in methods},
        "titles": {name: arab2020.METHOD_TITLES.get(name, name) for name in methods},
        "metrics": methods,
        "seconds": {name: [1.0] * len(rows) for name, rows in methods.items()},
        "training_metrics": [],
        "pairs": [],
        "comparison": {},
        "consensus_dice": [],
        "masks": {},
        "device_name": "a processor",
    }
    return ArabResults(**(facts | more))


def table(results: ArabResults, key: str) -> dict[str, Row]:
    return {row.what: row for one in arab2020_tables(results) if one.key == key for row in one.rows}


def metrics(case: str, dice: float | None, invented: int = 0) -> dict:
    """Of 16 voxels of blood, or of none where there is no Dice."""
    found, reference = np.zeros((2, 1, 8, 80), bool)
    if dice is None:
        found[0, 0, :invented] = True
    else:
        reference[0, 0, :16] = True
        found[0, 0, 16 - round(16 * dice) : 32 - round(16 * dice)] = True
    return {"case": case, **case_metrics(found, reference, MATRIX).to_dict()}


def test_right_negatives_do_not_raise_the_overlap() -> None:
    """39 scans of 75 without blood, nothing found in them; Dice 0.5 in the others."""
    rows = [metrics(f"a{n}", 0.5) for n in range(36)] + [metrics(f"b{n}", None) for n in range(39)]
    worse = [*rows[:36], *(metrics(f"b{n}", None, invented=50 * (n == 0)) for n in range(39))]
    results = results_of({MAIN: rows, "slice_unet": worse, "threshold": worse})
    found = table(results, "table-3-methods")
    for name in ("Dice", "Precision", "Recall", "F1"):
        assert found[f"CNN-DS: {name}"].run == "0.50 ± 0.00"
        assert found[f"CNN-DS: {name}"].note.startswith("36 cases with a bleed")
    assert found["CNN-DS: Dice"].paper == "0.84 ± 0.06"
    invented = found["CNN-DS: invented without a bleed (mL)"]
    assert (invented.paper, invented.run) == ("", "0.00 ± 0.00")
    assert invented.note == "39 cases without a bleed, in 39 nothing found; not in the paper"
    title = arab2020.METHOD_TITLES["slice_unet"]
    assert found[f"{title}: invented without a bleed (mL)"].run.startswith("0.03 ± ")  # 1 mL in one of 39
    tests = table(results, "tests-between-methods")
    assert tests["Dice of all methods: Friedman p"].note == "3 methods on 36 cases"
    beyond = table(results, "beyond-overlap")
    assert beyond["CNN-DS: Surface Dice at 2 mm"].run != "" and beyond["CNN-DS: HD95 (mm)"].note == ""
    # Where all bleed, no row says so.
    assert not any("invented" in what for what in table(results_of({MAIN: rows[:36]}), "table-3-methods"))


def test_a_row_of_the_manifest_says_whose_scan_it_is() -> None:
    row = {"patient": "p", "age": " 61,5", "sex": "Female", "types": "iph+IVH"}
    assert stated_person(row) == Person("p", 61.5, False, frozenset({"iph", "ivh"}))
    assert stated_person({"patient": "p", "types": "none"}) == Person("p", types=frozenset())
    unread = {"patient": "p", "age": "old", "sex": "?", "types": "tumour"}
    assert stated_person(unread) == stated_person({"patient": "p"}) == Person("p")


def test_table_1_takes_what_the_manifest_holds() -> None:
    learned = {"x0": ("p0", 50.0, True, ("iph",)), "x1": ("p1", 70.0, False, ("sdh",)), "x2": ("p1", 70.0, False, ())}
    tested = {"y0": ("p2", 40.0, True, ("iph", "ivh")), "y1": ("p3", 44.0, None, ("edh",))}
    people = {
        name: Person(patient, age, male, frozenset(types))
        for name, (patient, age, male, types) in (learned | tested).items()
    }
    results = results_of({MAIN: [metrics(name, 0.5) for name in tested]}, people)
    found = table(results, "table-1-demographics")
    told = {what: (row.run, row.note) for what, row in found.items()}
    assert told["N, training set"] == ("3", "scans of 2 patients") and told["N, testing set"] == ("2", "")
    age = "Age (years, mean ± SD)"
    assert told[f"{age}, training set"] == ("60.0 ± 14.1", "")  # a patient of two scans counts once
    assert told[f"{age}, testing set"] == ("42.0 ± 2.8", "")
    assert told["Sex (male, %), training set"] == ("50", "")
    assert told["Sex (male, %), testing set"] == ("100", "known of 1 of 2")
    bleed = "Intraventricular hemorrhage (%)"
    assert (
        told[f"{bleed}, training set"] == ("0", "of 2 scans with a bleed") and told[f"{bleed}, testing set"][0] == "50"
    )
    assert told["Deep-seated ICH (%), testing set"] == told["Antiplatelet (%), testing set"] == ("", "not in the data")
    expected = stats.ttest_ind([50, 70], [40, 44])
    text = table(results, "text-figures")
    assert text["Age, training less testing set: t"].run == f"{expected.statistic:.1f} (p = {expected.pvalue:#.3g})"


def test_table_1_of_simulated_scans() -> None:
    bleeds = [{"kind": "iph", "place": "deep"}, {"kind": "ivh", "place": ""}]
    people = {
        "y0": simulated_person("y0", {"age_years": 71, "bleeds": bleeds}),
        "y1": simulated_person("y1", {"age_years": 55, "bleeds": [{"kind": "sdh", "place": ""}]}),
        "y2": simulated_person("y2", {"age_years": 60, "bleeds": []}),
    }
    rows = [metrics(name, 0.5) for name in people]
    found = table(results_of({MAIN: rows}, people, simulated=True), "table-1-demographics")
    assert found["Deep-seated ICH (%), testing set"].run == "50"
    assert found["Deep-seated ICH (%), testing set"].note == "of 2 scans with a bleed"
    learned = found["Age (years, mean ± SD), training set"]
    assert (learned.run, learned.note) == ("", "no scan")  # a finished model was tested
    for label in ("Sex (male, %)", "Hemorrhage reaching cortical surface (%)"):
        assert (found[f"{label}, testing set"].run, found[f"{label}, testing set"].note) == ("", "not simulated")


def pair_of(x: list[float], y: list[float], first: str = "E1", second: str = "M") -> dict:
    rows = [
        {"case": str(n), "first": first, "second": second, "kappa": 0.9, "dice": 0.9, "first_ml": a, "second_ml": b}
        for n, (a, b) in enumerate(zip(x, y))
    ]
    return agreement_by_pair(rows)[0]


def test_each_pair_tells_its_disagreement_and_its_intervals() -> None:
    own = pair_of([10, 20, 30, 40], [12, 19, 33, 44])
    printed = next(pair for pair in arab2020.AGREEMENT if (pair.first, pair.second) == ("E1", "M"))
    rows = {row.what: row for row in pair_rows("E1, M", printed, own)}
    assert rows["E1, M: kappa"].paper == "0.84 ± 0.06" and rows["E1, M: Dice"].run == "0.90 ± 0.00"
    apart = 2 * np.array([-2, 1, -3, -4]) / np.array([22, 39, 63, 84])
    absolute, signed = rows["E1, M: disagreement of volumes"], rows["E1, M: disagreement, signed"]
    assert absolute.run == f"{np.abs(apart).mean():.2f} ± {np.abs(apart).std(ddof=1):.2f}"
    assert (signed.run, signed.paper, signed.note) == (f"{apart.mean():.2f}", "", "not in the paper")
    assert rows["E1, M: ICC of volumes"].note == (
        f"95 % {own['icc_lower_95']:.2f} to {own['icc_upper_95']:.2f}; not in the paper"
    )
    limits = rows["E1, M: bias and limits of agreement (mL)"]
    assert limits.run.startswith("2.0 (") and limits.note.count(" to ") == 3
    assert f"and {own['upper_limit_lower_95']:.1f} to {own['upper_limit_upper_95']:.1f}; not" in limits.note


def test_a_method_that_outlines_nothing_has_no_line_and_no_p() -> None:
    nothing = pair_of([10, 20, 30], [0, 0, 0])
    rows = {row.what: row for row in pair_rows("E1, M", None, nothing)}
    for name in ("slope", "intercept (mL)"):
        row = rows[f"E1, M: {name}"]
        assert (row.run, row.note) == ("", "too few different volumes for a line")
    assert rows["E1, M: ICC of volumes"].run == "0.00"
    others = pair_of([10, 20, 30, 41], [11, 22, 28, 44], "E1", "E2")
    for pairs in ([nothing, others], [others, nothing]):
        own, _ = agreement_figures(results_of({MAIN: [metrics("y", 0.5)]}, pairs=pairs))
        assert own["slope_p_largest"] == f"{others['slope_p']:.2g}"
        assert own["intercept_p_smallest"] == f"{others['intercept_p']:.3f}"


def test_one_case_has_no_spread() -> None:
    rows = {row.what: row.run for row in pair_rows("E1, M", None, pair_of([10], [12]))}
    assert rows["E1, M: kappa"] == "0.90 (one case)" and rows["E1, M: disagreement of volumes"] == "0.18 (one case)"


def test_the_mixed_model_tells_its_interval() -> None:
    compared = {
        "mixed_model_effect": -0.04,
        "mixed_model_lower_95": -0.06,
        "mixed_model_upper_95": -0.02,
        "mixed_model_p": 0.01,
    }
    text = table(results_of({MAIN: [metrics("y", 0.5)]}, comparison=compared), "text-figures")
    row = text["Mixed model, effect of the method on kappa"]
    assert (row.run, row.note) == ("-0.040", "95 % -0.060 to -0.020; not in the paper")


@pytest.mark.parametrize("key", ["table-2-agreement", "text-figures"])
def test_no_other_method_stands_in_the_place_of_cnn_ds(key) -> None:
    results = results_of({"threshold": [metrics("y", 0.5)]}, pairs=[pair_of([1, 2, 3], [1, 2, 4], "E1", "E2")])
    (found,) = (one for one in arab2020_tables(results) if one.key == key)
    assert any("CNN-DS is none of this run's methods" in note for note in found.notes)
    assert [row["method"] for row in case_rows(results)] == ["threshold"]


def test_own_scans_go_by_type_size_brightness_and_confounder(tmp_path) -> None:
    data = write_head_folder(tmp_path / "heads", ("a", "b", "c", "d"), without_bleed=(2,))
    cases = [ScanCase(f"head-{n}", data / f"scan-{n}.nii", data / f"mask-{n}.nii") for n in range(4)]
    cells = ({"types": "SDH", "confounders": "Metal+ old infarct"}, {"types": "iph"}, {"types": "none"}, {})
    people = {case.id: stated_person({"patient": case.id, **cell}) for case, cell in zip(cases, cells)}
    tilted = read_volume(cases[3].image).ijk_to_lps.copy()
    tilted[1, 2] += 1.0  # each slice a millimetre further on
    for path in (cases[3].image, cases[3].mask):
        write_image(path, read_volume(path).array, tilted)

    known = {case.id: known_bleeds(measured_bleeds(case, data), data, people[case.id]) for case in cases}
    sdh, iph, free, untold = known.values()
    assert sdh["bleeds"] == [{"kind": "sdh", "volume_ml": None}] and not sdh["types_known"]  # 1 is blood, or iph
    assert iph["types_known"] and [bleed["kind"] for bleed in iph["bleeds"]] == ["iph"]
    assert iph["bleeds"][0]["volume_ml"] == iph["mask_ml"] == pytest.approx(4 / 3 * np.pi * 2.2**3, rel=0.05)
    volume, mask = (read_volume(path).array for path in (cases[1].image, cases[1].mask))
    assert iph["median_hu"] == np.median(volume[mask > 0])
    assert free["bleeds"] == [] and free["median_hu"] is None and free["types_known"]
    assert untold["bleeds"] == [] and not untold["types_known"]
    assert [one["slice_mm"] for one in known.values()] == [5.8] * 4
    assert [one["gantry_tilt_deg"] for one in known.values()] == [0, 0, 0, pytest.approx(9.8)]

    rows = [metrics("head-0", 0.5), metrics("head-1", 0.75), metrics("head-2", None), metrics("head-3", 1.0)]
    results = results_of({MAIN: rows}, people, truths=known)
    groups = {what: row.run for what, row in table(results, "by-bleed").items()}
    assert groups["Main type subdural"].startswith("0.50") and groups["Main type intraparenchymal"].startswith("0.75")
    assert groups["With metal"] == groups["With old infarct"] == groups["Main type subdural"]
    assert groups["No confounder"].startswith("0.88") and groups["Over 30 mL"].startswith("0.75 ±")
    assert groups["Tilted gantry"].startswith("1.00") and "Slices of 5 mm or more" in groups
    assert "No calcification, no artefact" not in groups
    assert [row["main_type"] for row in case_rows(results)] == ["sdh", "iph", "none", ""]
    assert [row["confounders"] for row in case_rows(results)] == ["metal+old infarct", "", "", ""]


def test_what_a_data_folder_says_of_values_counts_for_masks_that_lie_elsewhere(tmp_path) -> None:
    data = write_head_folder(tmp_path / "heads", ("a",))
    (data / "dataset_description.json").write_text('{"MaskValues": {"1": "edh"}}')
    mask = (data / "mask-0.nii").rename(tmp_path / "drawn.nii")
    case = ScanCase("head-0", data / "scan-0.nii", mask)
    found = known_bleeds(measured_bleeds(case, data), data, Person("a"))
    assert found["types_known"] and [bleed["kind"] for bleed in found["bleeds"]] == ["edh"]
    predicted = tmp_path / "predicted.nii.gz"
    volume = read_volume(mask)
    write_image(predicted, BLEED_TYPES["edh"].value * (volume.array > 0).astype(np.uint8), volume.ijk_to_lps)
    figures = type_figures([(case.id, predicted, mask)], data)
    assert [(row["type"], row["dice"]) for row in figures["rows"]] == [("edh", 1.0)]


def test_limits_of_agreement_are_of_the_cases_with_a_bleed(tmp_path) -> None:
    """What was invented elsewhere, and the zeros of scans in which nothing was found, agree with nothing."""
    volumes = [(10.0, 12.0), (20.0, 22.0), (40.0, 42.0), (0.0, 50.0), (0.0, 0.0)]
    rows = [{"case": f"c{n}", "reference_ml": x, "found_ml": y, "dice": 0.5} for n, (x, y) in enumerate(volumes)]
    figure = _bland_altman(results_of({MAIN: rows}), tmp_path)
    shown = set(re.findall(r">([+-]\d+\.\d)<", figure.path.read_text(encoding="utf-8").replace("\N{MINUS SIGN}", "-")))
    assert shown == {"+2.0"} and "with a bleed" in figure.caption
    assert _bland_altman(results_of({MAIN: rows[1:]}), tmp_path) is None, "two cases with a bleed have no limits"
