"""Settings of simulated scans: what is refused, what is left as it is, and the command that takes them."""

import csv
import json

import pytest
from engine.simulated_heads import SMALL
from typer.testing import CliRunner

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume
from radiologycnn.simulation.head_ct import HeadCtConfig
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig


def test_settings_with_an_unknown_number_or_another_kind_of_value_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"scanner\.matrx"):
        HeadCtConfig.from_dict({"scanner": {"matrx": 3}})
    for wrong in ("large", True, [512], None):
        with pytest.raises(InputError, match=r"“scanner\.matrix” cannot be"):
            HeadCtConfig.from_dict({"scanner": {"matrix": wrong}})
    for name, wrong in (
        ("pixel_mm", [0.4]),  # a range of one end would be one up to 1 mm
        ("pixel_mm", [0.4, 0.5, 0.6]),
        ("pixel_mm", ["0.4", "0.5"]),
        ("matrix", 64.5),
    ):
        with pytest.raises(InputError, match=rf"“scanner\.{name}” cannot be"):
            HeadCtConfig.from_dict({"scanner": {name: wrong}})
    for name, wrong in (("primary_weights", {"iphh": 1.0}), ("clot_hu", {"iph": [50.0]}), ("clot_hu", [50.0, 60.0])):
        with pytest.raises(InputError, match=rf"“bleeds\.{name}” cannot be"):
            HeadCtConfig.from_dict({"bleeds": {name: wrong}})
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(InputError, match=r"c\.json"):
        HeadCtConfig.read(tmp_path / "c.json")
    assert HeadCtConfig.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL


def test_settings_of_some_bleeds_leave_the_others_as_they_are_but_chances_are_given_whole() -> None:
    wanted = {"clot_hu": {"sah": [50.0, 60.0]}, "label_share": {"ivh": 0.3}, "primary_weights": {"sdh": 1.0}}
    bleeds, usual = HeadCtConfig.from_dict({"bleeds": wanted}).bleeds, HeadCtConfig().bleeds
    assert bleeds.clot_hu == {**usual.clot_hu, "sah": (50.0, 60.0)}
    assert bleeds.label_share == {**usual.label_share, "ivh": 0.3}
    assert bleeds.primary_weights == {"sdh": 1.0}


@pytest.mark.parametrize("settings", [HeadCtConfig.preset("plain"), ShoulderMrConfig()])
def test_settings_written_in_another_order_are_the_same_population(settings) -> None:
    """``simulation.json`` has them in alphabetical order; which bleed a draw gives depends on the order of chances."""
    read = type(settings).from_dict(json.loads(json.dumps(settings.to_dict(), sort_keys=True)))
    assert json.dumps(read.to_dict()) == json.dumps(settings.to_dict())


def test_command_writes_scans_goes_on_and_refuses_other_settings(tmp_path) -> None:
    from radiologycnn.cli import app

    (tmp_path / "quick.json").write_text('{"scanner": {"coarse_mm": 4.0, "fine_mm": 4.0}}')
    base = [
        "simulate",
        "head-ct",
        "-o",
        str(tmp_path / "out"),
        "--config",
        str(tmp_path / "quick.json"),
        "--matrix",
        "64",
    ]
    assert CliRunner().invoke(app, [*base, "--count", "1", "--seed", "6"]).exit_code == 0
    first = tmp_path / "out" / "head-ct-6-00000.nii.gz"
    stamp = first.stat().st_mtime_ns
    done = CliRunner().invoke(app, [*base, "--count", "2", "--seed", "6"])
    assert done.exit_code == 0 and "1 new scans" in done.output
    assert first.stat().st_mtime_ns == stamp
    with (tmp_path / "out" / "truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["head-ct-6-00000", "head-ct-6-00001"]
    image, mask = read_volume(first), read_volume(tmp_path / "out" / "head-ct-6-00000-mask.nii.gz")
    assert image.array.shape == mask.array.shape
    volume_ml = (mask.array > 0).sum() * image.voxel_volume_mm3 / 1000
    for row in rows:  # what each bleed has of its own stands in the order of its kind
        kinds = row["kinds"].split("+") if row["kinds"] != "none" else []
        volumes = [float(part) for part in row["bleed_volumes_ml"].split("+") if part]
        assert len(volumes) == len(kinds) == len([side for side in row["bleed_sides"].split("+") if side])
        assert sum(volumes) == pytest.approx(float(row["volume_ml"]), rel=0.2, abs=0.5)
    assert float(rows[0]["mask_ml"]) == pytest.approx(volume_ml, rel=1e-3, abs=0.01)
    assert (tmp_path / "out" / "contact-sheet.png").stat().st_size > 1000
    refused = CliRunner().invoke(app, [*base, "--count", "1", "--seed", "7"])
    assert isinstance(refused.exception, InputError) and refused.exception.code == "other-settings"
