"""Tear classifiers that learn from a person's folder: its manifest, what was corrected since, what is refused."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from engine.dicom_phantom import ball as dicom_ball
from engine.dicom_phantom import write_series
from engine.tiny_rotator_cuff import settings
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.evaluation.table_files import TableRow
from radiologycnn.images import read_volume, write_image
from radiologycnn.models.package import load_package
from radiologycnn.models.weights import load_network
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig
from radiologycnn.training.case_set import CaseSet
from radiologycnn.training.rotatorcuff.cases import PreparedCase, load_case, manifest_facts, prepare_folder
from radiologycnn.training.rotatorcuff.run import RotatorCuffTask
from radiologycnn.training.task import ModelName


def shoulder_folder(folder: Path) -> Path:
    folder.mkdir()
    matrix = np.array([[1.5, 0, 0, -48], [0, 0, 4.0, -40], [0, -1.5, 0, 48], [0, 0, 0, 1.0]])
    rng = np.random.default_rng(1)
    lines = ["id,image,class,mask,side,centre,split"]
    names = ("None", "partial", "4", "2", "1")
    for number, name in enumerate(names):
        array = (100 + 30 * rng.standard_normal((20, 64, 64))).clip(0).astype(np.int16)
        mask = np.zeros(array.shape, np.uint8)
        mask[8:11, 20:26, 30:36] = number == 2
        write_image(folder / f"i{number}.nii.gz", (array + 300.0 * mask).astype(np.int16), matrix)
        write_image(folder / f"m{number}.nii.gz", mask, matrix)
        lines.append(
            f"s{number},i{number}.nii.gz,{name},{f'm{number}.nii.gz' if number == 2 else ''},R,0 0 0,"
            f"{'validation' if number == 4 else ''}"
        )
    (folder / "cases.csv").write_text("\n".join(lines))
    return folder


def test_data_folder_to_a_package_that_loads_and_can_be_started_from(tmp_path, monkeypatch) -> None:
    data = shoulder_folder(tmp_path / "data")
    wanted = settings(epochs=1, coarse_epochs=0, localization_weight=0.2)
    task = RotatorCuffTask(wanted, data, device="cpu")
    package = task.run(tmp_path / "run", ModelName("tiny"))
    loaded = load_package(tmp_path / "run" / "tiny-0.1.0")
    assert loaded.id == package.id == "tiny-0.1.0"
    assert loaded.onnx_sha256 == package.onnx_sha256 != ""  # it runs without torch
    assert loaded.task == "rotator-cuff-classification" and [one["value"] for one in loaded.labels] == [1, 2, 3, 4, 5]
    assert not loaded.simulated and loaded.training_data.startswith("4 shoulder MRs of data")
    assert "tear masks" in loaded.training_data
    assert loaded.preprocessing["grid_size"] == 16
    with torch.no_grad():
        assert load_network(loaded)(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 5)
    monkeypatch.setattr("radiologycnn.training.task.export_if_possible", lambda package: (package, ""))  # takes long
    again = task.run(tmp_path / "more", ModelName("tiny", "0.2.0"), start_from=package.path)
    assert again.id == "tiny-0.2.0" and again.weights_sha256 != package.weights_sha256
    # To go on, the model that it started from need not be named, and another one may not be.
    resumed = task.run(tmp_path / "more", ModelName("tiny", "0.2.0"), resume=True)
    assert resumed.training_data == again.training_data and "started from the model tiny-0.1.0" in again.training_data
    with pytest.raises(InputError, match="the model to start from"):
        task.run(tmp_path / "more", ModelName("tiny", "0.2.0"), resume=True, start_from=again.path)
    with pytest.raises(InputError, match="the model to start from"):
        task.run(tmp_path / "run", ModelName("tiny"), resume=True, start_from=again.path)
    with pytest.raises(InputError, match="other settings: codes"):
        RotatorCuffTask(wanted, data, device="cpu", codes="paper").run(tmp_path / "run", ModelName("tiny"), resume=True)
    (tmp_path / "run" / "training-run.json").unlink()  # as runs of earlier versions
    assert task.run(tmp_path / "run", ModelName("tiny"), resume=True).weights_sha256 == package.weights_sha256
    finer = RotatorCuffTask(replace(wanted, pixel_unshuffle=2), data, device="cpu")
    start, coarse = finer.start_weights(package.path), task.start_weights(package.path)
    assert torch.allclose(start["stem.weight"].sum(dim=1, keepdim=True), coarse["stem.weight"])
    fine = finer.run(tmp_path / "finer", ModelName("tiny", "0.3.0"), start_from=package.path)
    assert fine.preprocessing["in_plane_factor"] == fine.architecture["parameters"]["pixel_unshuffle"] == 2
    dense = RotatorCuffTask(replace(wanted, dense_features=True), data, device="cpu")
    assert dense.architecture()["parameters"]["dense_features"]
    assert all(torch.equal(weight, coarse[name]) for name, weight in dense.start_weights(package.path).items())
    with pytest.raises(InputError, match="pixel unshuffle 2 there, 1 here"):
        task.start_weights(fine.path)
    with pytest.raises(InputError, match="base filters"):
        RotatorCuffTask(settings(base_filters=8), data, device="cpu").run(
            tmp_path / "other", ModelName("tiny"), start_from=package.path
        )


def test_manifest_classes_in_both_codes_and_splits(tmp_path) -> None:
    data = shoulder_folder(tmp_path / "data")
    preprocessing = settings().preprocessing()
    for codes, expected in (("ordinal", [0, 1, 4, 2, 1]), ("paper", [0, 1, 1, 3, 2])):
        found = prepare_folder(data, tmp_path / codes, preprocessing, codes)
        paths = sorted(found[""] + found["validation"])
        assert [load_case(path).tear_class for path in paths] == expected
        assert load_case(paths[0]).mask is not None and not load_case(paths[0]).mask.any()  # None: known to be none
        assert load_case(paths[1]).mask is None
        training, validation = CaseSet(found).shared_out(0.5, 0)
        assert (len(training), [path.stem for path in validation]) == (4, ["s4"])


def test_what_the_manifest_says_anew_is_learned_anew(tmp_path) -> None:
    data = shoulder_folder(tmp_path / "data")

    def prepared(row: str = "", codes: str = "ordinal") -> dict[str, PreparedCase]:
        if row:
            lines = (data / "cases.csv").read_text().splitlines()
            (data / "cases.csv").write_text("\n".join([lines[0], row, *lines[2:]]))
        found = prepare_folder(data, tmp_path / "cache", settings().preprocessing(), codes)
        return {path.stem: load_case(path) for path in found[""]}

    first = prepared()
    assert first["s0"].tear_class == 0 and not first["s0"].mask.any()
    stamp = (tmp_path / "cache" / "s1.npz").stat().st_mtime_ns
    corrected = prepared("s0,i0.nii.gz,4,,R,0 0 0,")["s0"]
    assert corrected.tear_class == 4 and corrected.mask is None
    assert prepared(codes="paper")["s0"].tear_class == 1
    moved = prepared("s0,i0.nii.gz,4,,R,10 0 0,")["s0"]
    assert not np.array_equal(moved.grey, corrected.grey)
    assert not np.array_equal(prepared("s0,i0.nii.gz,4,,L,10 0 0,")["s0"].grey, moved.grey)
    os.utime(data / "i2.nii.gz", (1e9, 1e9))  # older than what was prepared of another file
    assert prepared("s0,i2.nii.gz,4,m2.nii.gz,R,0 0 0,")["s0"].mask.any()
    assert (tmp_path / "cache" / "s1.npz").stat().st_mtime_ns == stamp  # nothing was said anew of it


def test_a_scan_in_the_masks_place_is_refused(tmp_path) -> None:
    data = shoulder_folder(tmp_path / "data")
    text = (data / "cases.csv").read_text()
    (data / "cases.csv").write_text(text.replace("m2.nii.gz", "i2.nii.gz"))
    with pytest.raises(InputError, match="The mask of case s2 is no label map: its values run from 0 to "):
        prepare_folder(data, tmp_path / "cache", settings().preprocessing())


def test_no_case_is_prepared_after_the_wish_to_stop(tmp_path) -> None:
    data, output = shoulder_folder(tmp_path / "data"), tmp_path / "run"
    task = RotatorCuffTask(settings(), data, device="cpu")
    with pytest.raises(Cancelled):
        task.run(output, ModelName("tiny"), cancelled=lambda: any(output.rglob("*.npz")))
    assert [path.stem for path in output.rglob("*.npz")] == ["s0"]


def test_a_dicom_folder_is_prepared_anew_where_one_of_its_files_was_changed(tmp_path) -> None:
    shape = {"spacing": 4.0, "shape_ji": (32, 32), "shuffle": False, "intercept": 0.0, "series_uid": "1.2.3"}
    slices = [(-62.0, -62.0, float(z)) for z in range(-60, 64, 4)]
    write_series(tmp_path / "series", slices, dicom_ball((0, 0, 0), 30.0), **shape)
    (tmp_path / "cases.csv").write_text("id,image,class,side,centre\ns,series,Small,R,0 0 0\n")

    def prepared() -> tuple[PreparedCase, int]:
        (path,) = prepare_folder(tmp_path, tmp_path / "cache", settings().preprocessing())[""]
        return load_case(path), path.stat().st_mtime_ns

    first, stamp = prepared()
    assert prepared()[1] == stamp
    write_series(tmp_path / "series", slices, dicom_ball((0, 0, 0), 15.0), **shape)
    assert prepared()[0].grey.sum() < first.grey.sum()


def test_shoulders_simulated_at_another_size_are_kept_apart(tmp_path, monkeypatch) -> None:
    asked = []

    def simulated(index: int, seed: int, config: ShoulderMrConfig) -> SimpleNamespace:
        asked.append(config.scanner.matrix)
        truth = {"tear_class": 0, "side": "right", "head_centre_lps_mm": (0, 0, 0)}
        return SimpleNamespace(volume=volume, labels=np.zeros(volume.array.shape), truth=truth)

    data = shoulder_folder(tmp_path / "data")
    volume = read_volume(data / "i0.nii.gz")  # quicker than what the simulator draws
    monkeypatch.setattr("radiologycnn.simulation.shoulder_mr.simulate_shoulder_mr", simulated)
    found = [
        RotatorCuffTask(settings(), simulate=1, device="cpu", matrix=matrix).prepare(tmp_path).found[""]
        for matrix in (96, 128, 96)
    ]
    assert asked == [96, 128] and found[0] == found[2] != found[1]


def test_a_centre_may_have_decimal_commas() -> None:
    row = TableRow(2, ("class", "centre"), ("2", "10,5 -3,25 0"))
    assert manifest_facts(row) == (2, (10.5, -3.25, 0.0), None)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,here,7,,R,,", "line 2: the class “7” is unknown"),
        ("a,here,Small,,up,,", "line 2: the side “up”"),
        ("a,here,Small,,R,1 2,", "line 2: the centre “1 2”"),
        ("a,here,Small,gone.nii,R,,", "line 2: the mask “gone.nii” does not exist"),
    ],
)
def test_manifest_mistakes_are_named(tmp_path, row: str, said: str) -> None:
    (tmp_path / "here").write_text("")
    (tmp_path / "cases.csv").write_text(f"id,image,class,mask,side,centre,split\n{row}\n")
    with pytest.raises(InputError, match=said):
        prepare_folder(tmp_path, tmp_path / "cache", settings().preprocessing())


def test_command_refuses_no_data_and_two_sources(tmp_path) -> None:
    for extra in ([], ["--data", str(tmp_path), "--simulate", "3"]):
        result = CliRunner().invoke(app, ["train", "rotator-cuff", "-o", str(tmp_path / "out"), *extra])
        assert result.exit_code and "either --data" in str(result.exception)


def test_one_class_alone_teaches_nothing(tmp_path) -> None:
    data = shoulder_folder(tmp_path / "data")
    text = (data / "cases.csv").read_text()
    for number, name in enumerate(("None", "partial", "4", "2", "1")):
        text = text.replace(f"i{number}.nii.gz,{name},", f"i{number}.nii.gz,Medium,")
    (data / "cases.csv").write_text(text)
    with pytest.raises(InputError, match="All 4 cases to train on are “Medium”"):
        RotatorCuffTask(settings(epochs=1), data, device="cpu").run(tmp_path / "run", ModelName("one-class"))
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
