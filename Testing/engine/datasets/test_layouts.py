"""Folders in the layouts of public data sets become manifests that training reads."""

import json
import shutil
from pathlib import Path

import pytest
from engine.datasets.made_up_folders import BALL_ML, GRID, lines_of
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.datasets.importing import LAYOUTS, import_dataset
from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.mask_values import types_in
from radiologycnn.training.hemorrhage.cases import load_case, prepare_folder


def test_bhsd_has_types_by_mask_values_and_patients_by_name(sources, tmp_path) -> None:
    done = import_dataset("bhsd", sources["bhsd"], tmp_path / "out")
    rows = lines_of(tmp_path / "out" / "cases.csv")
    assert [(row["types"], row["split"]) for row in rows] == [("iph+ivh", ""), ("edh", ""), ("sdh+sah", "")]
    assert [row["patient"] for row in rows] == ["bhsd-ID_0b10cbee", "bhsd-ID_2db7ee14", "bhsd-ID_2db7ee14"]
    assert (done.used, done.patients, done.left_out) == (3, 2, {})
    assert float(rows[0]["volume_ml"]) == pytest.approx(2 * BALL_ML, rel=0.1)
    record = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert record["MaskValues"] == {"1": "edh", "2": "iph", "3": "ivh", "4": "sah", "5": "sdh"}
    assert record["Name"] == "BHSD"


def test_ct_ich_has_types_by_its_table_and_people_by_the_other(sources, tmp_path) -> None:
    done = import_dataset("ct-ich", sources["ct-ich"], tmp_path / "out")
    rows = {row["id"]: row for row in lines_of(tmp_path / "out" / "cases.csv")}
    assert {case: row["types"] for case, row in rows.items()} == {
        "ct-ich-049": "edh",
        "ct-ich-050": "iph+ivh",
        "ct-ich-095": "none",
    }
    assert {case: (row["age"], row["sex"], row["fracture"]) for case, row in rows.items()} == {
        "ct-ich-049": ("32", "Male", "yes"),
        "ct-ich-050": ("0.5", "Female", "no"),
        "ct-ich-095": ("40", "Female", "no"),
    }
    assert float(rows["ct-ich-049"]["volume_ml"]) == pytest.approx(BALL_ML, rel=0.1)
    assert done.left_out == {"ct-ich-059": "A table names this patient, but ct_scans has no scan."}
    assert not done.notes


def test_instance_has_bleeds_of_unstated_type(sources, tmp_path) -> None:
    import_dataset("instance", sources["instance"], tmp_path / "out")
    rows = lines_of(tmp_path / "out" / "cases.csv")
    assert [(row["id"], row["types"]) for row in rows] == [
        ("instance-001", ""),
        ("instance-002", ""),
        ("instance-003", "none"),
    ]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("copy", [False, True])
def test_training_reads_what_was_imported(sources, tmp_path, name: str, copy: bool) -> None:
    import_dataset(name, sources[name], tmp_path / "out", copy=copy)
    rows = lines_of(tmp_path / "out" / "cases.csv")
    assert all(not Path(row["image"]).is_absolute() for row in rows)
    assert (tmp_path / "out" / "images").exists() == (tmp_path / "out" / "masks").exists() == copy
    if copy:
        shutil.move(tmp_path / "out", tmp_path / "moved")  # a copy stands for itself
    folder = tmp_path / ("moved" if copy else "out")
    found = prepare_folder(folder, tmp_path / "cache", GRID)
    assert [path.stem for path in found[""]] == [row["id"] for row in rows]
    for path, row in zip(found[""], rows):
        case = load_case(path)
        assert case.mask.sum() * case.voxel_ml == pytest.approx(float(row["volume_ml"]), rel=0.2)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_types_are_learned_where_the_data_set_states_them(sources, tmp_path, name: str) -> None:
    import_dataset(name, sources[name], tmp_path / "out")
    if name != "bhsd":
        with pytest.raises(InputError, match="are not known"):
            prepare_folder(tmp_path / "out", tmp_path / "cache", GRID, types=True)
        return
    found = prepare_folder(tmp_path / "out", tmp_path / "cache", GRID, types=True)
    for path, row in zip(found[""], lines_of(tmp_path / "out" / "cases.csv"), strict=True):
        assert "+".join(types_in(load_case(path).labels)) == row["types"]


def test_test_cases_of_the_authors_stay_apart_with_all_scans_of_their_patients(own_source, tmp_path) -> None:
    source = own_source("bhsd")
    listed = {"test": ["./imagesTs/ID_2db7ee14_ID_2591d00dfc.nii.gz"], "training": []}
    (source / "label_192" / "dataset.json").write_text(json.dumps(listed))
    import_dataset("bhsd", source, tmp_path / "out")
    assert [row["split"] for row in lines_of(tmp_path / "out" / "cases.csv")] == ["", "test", "test"]
    (source / "label_192" / "dataset.json").write_text("[broken")
    with pytest.raises(InputError, match="not the JSON file of BHSD"):
        import_dataset("bhsd", source, tmp_path / "other")


def test_bhsd_in_the_folders_of_its_json_file(own_source, tmp_path) -> None:
    root = own_source("bhsd") / "label_192"
    for before, train, test in (("images", "imagesTr", "imagesTs"), ("ground truths", "labelsTr", "labelsTs")):
        (root / before).rename(root / train)
        (root / test).mkdir()
        name = "ID_0b10cbee_ID_f91d6a7cd2.nii.gz"
        (root / train / name).rename(root / test / name)
    import_dataset("bhsd", root, tmp_path / "out")
    rows = {row["id"]: row["split"] for row in lines_of(tmp_path / "out" / "cases.csv")}
    assert sorted(rows.values()) == ["", "", "test"] and rows["bhsd-ID_0b10cbee_ID_f91d6a7cd2"] == "test"


def test_bhsd_as_nnu_net_wants_it(own_source, tmp_path) -> None:
    root = own_source("bhsd") / "label_192"
    (root / "images").rename(root / "imagesTr")
    (root / "ground truths").rename(root / "labelsTr")
    for path in list((root / "imagesTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
    labels = ["background", "epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural"]
    record = {"labels": {name: value for value, name in enumerate(labels)}, "channel_names": {"0": "CT"}}
    (root / "dataset.json").write_text(json.dumps(record))
    done = import_dataset("bhsd", root, tmp_path / "out")
    assert (done.used, done.patients, done.left_out) == (3, 2, {})
    for changed in ({"background": 0, "hemorrhage": 1}, {"0": "background", "1": "SDH", "5": "EDH"}):
        (root / "dataset.json").write_text(json.dumps({"labels": changed}))
        with pytest.raises(InputError, match="in BHSD it is “edh”"):
            import_dataset("bhsd", root, tmp_path / "other")


def test_command_says_what_was_left_out(sources, tmp_path) -> None:
    done = CliRunner().invoke(
        app, ["datasets", "import", "ct-ich", str(sources["ct-ich"]), str(tmp_path / "out"), "--jobs", "2"]
    )
    assert done.exit_code == 0, done.output
    assert "3 scans of 3 patients" in done.output
    assert "Left out (1):" in done.output and "ct-ich-059: A table names this patient" in done.output
    listed = CliRunner().invoke(app, ["datasets", "list"])
    assert all(f"{name}  {LAYOUTS[name].title}" in listed.output for name in LAYOUTS)
