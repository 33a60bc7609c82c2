"""Files of settings for simulated scans: numbers that nothing can be drawn from are refused by name, with a range."""

import json
import math

import pytest
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import InputError
from radiologycnn.simulation.head_ct import HeadCtConfig
from radiologycnn.simulation.head_ct.config import PRESETS
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig

NAN, INFINITE = math.nan, math.inf


def hint_of_refusal(population: type, setting: str, value: object) -> str:
    """What the person is told to do who gives a setting ("scanner.matrix") such a value."""
    part, name = setting.split(".")
    with pytest.raises(InputError, match=rf"“{part}\.{name}") as refused:
        population.from_dict({part: {name: value}})
    return refused.value.hint


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("scanner.matrix", -5, "64 to 1024"),
        ("scanner.matrix", 100_000, "64 to 1024"),
        ("scanner.slices", [0, 0], "1 to 1000"),
        ("scanner.slices", [30, 20], "low end, 30,"),
        ("scanner.pixel_mm", [0.0, 0.5], "0.1 to 2"),
        ("scanner.slice_mm", [-2.0, 5.0], "0.3 to 30"),
        ("scanner.fine_mm", 0.001, "0, or from 0.3 to 10"),
        ("scanner.coarse_mm", 0.0, "0.5 to 10"),
        ("scanner.gantry_tilt", 1.5, "0 to 1"),
        ("scanner.gantry_tilt", NAN, "0 to 1"),
        ("scanner.centre_sd_mm", INFINITE, "0 to 300"),
        ("anatomy.age_years", [25.0, 1000.0], "0 to 120"),
        ("anatomy.grey_hu", [NAN, 40.0], "-1024 to 4000"),
        ("bleeds.bleed_free", -0.1, "0 to 1"),
        ("bleeds.label_share", {"sah": 2.0}, "0 to 1"),
        ("bleeds.primary_weights", {"iph": -1.0, "sdh": 2.0}, "0 or more"),
        ("bleeds.primary_weights", {"iph": 0.0}, "not all of them 0"),
        ("bleeds.primary_weights", {}, "not all of them 0"),
        ("bleeds.volume_ml", {"deep": [9.0, 1.1, 80.0, 0.5]}, "low end, 80,"),
    ],
)
def test_a_number_of_heads_out_of_range_is_refused(setting, value, allowed) -> None:
    assert allowed in hint_of_refusal(HeadCtConfig, setting, value)


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("scanner.sub_slices", 0, "1 to 32"),
        ("scanner.thickness_mm", -4.0, "0.3 to 30"),
        ("scanner.snr", [0.0, 10.0], "0.1 to"),
        ("tears.class_shares", [0, 0, 0, 0, 0], "not all of them 0"),
        ("tears.width_length_correlation", -2.0, "-1 to 1"),
        ("tears.width_mm", [16.0, -1.0, 3.0, 44.0], "0 to 300"),
        ("confounders.bursitis", 45, "0 to 1"),
        ("signal.tissues", {"fat": [0.9, NAN, 165.0, 371.0, 133.0, 1.0]}, "T1 at 1.5 T must be a number from 0.1 to"),
        ("signal.tissues", {"fat": [0.9, 288.0, 0.0, 371.0, 133.0, 1.0]}, "T2 at 1.5 T must be a number from 0.1 to"),
        ("signal.tissues", {"muscle": [0.9, 288.0, 1.0, -3.0, 133.0, 1.0]}, "T1 at 3 T must be a number from 0.1 to"),
        ("signal.tissues", {"muscle": [0.9, 288.0, 1.0, 371.0, 0, 1.0]}, "T2 at 3 T must be a number from 0.1 to"),
        (
            "signal.tissues",
            {"fluid": [0.9, 288.0, 1.0, 371.0, 133.0, 1.5]},
            "share of fat must be a number from 0 to 1",
        ),
        ("signal.magic_angle_t2_ms", [0.0, 26.0], "0.1 to"),
        ("signal.protocols", {"T2": [0.0, 4000.0, 60.0, 110.0]}, "shortest TR must be a number from 0.1 to"),
        ("signal.protocols", {"T2": [3500.0, 4000.0, 110.0, 60.0]}, "low end, 110,"),
        ("signal.protocols", {"T2": [4500.0, 4000.0, 60.0, 110.0]}, "low end, 4500,"),
    ],
)
def test_a_number_of_shoulders_out_of_range_is_refused(setting, value, allowed) -> None:
    assert allowed in hint_of_refusal(ShoulderMrConfig, setting, value)


@pytest.mark.parametrize("population", [HeadCtConfig(), ShoulderMrConfig(), *map(HeadCtConfig.preset, PRESETS)])
def test_what_the_program_itself_draws_from_is_allowed(population) -> None:
    assert type(population).from_dict(json.loads(json.dumps(population.to_dict()))) == population


@pytest.mark.parametrize(
    "text", ['{"scanner": 5}', '{"scanner": {"matrix": -5}}', "[]", '{"bleeds": {"bleed_free": NaN}}']
)
def test_the_command_says_so_and_writes_nothing(tmp_path, text) -> None:
    (tmp_path / "c.json").write_text(text)
    done = CliRunner().invoke(
        app, ["simulate", "head-ct", "-o", str(tmp_path / "out"), "--config", str(tmp_path / "c.json")]
    )
    assert isinstance(done.exception, InputError) and done.exception.code == "simulation-config"
    assert "attribute" not in str(done.exception), "Python's own words"
    assert not (tmp_path / "out").exists()


def test_the_matrix_of_a_settings_file_holds_where_the_command_line_names_none(tmp_path) -> None:
    (tmp_path / "c.json").write_text('{"scanner": {"matrix": 64, "coarse_mm": 4.0, "fine_mm": 4.0}}')
    base = ["simulate", "head-ct", "-q", "--config", str(tmp_path / "c.json"), "-o"]
    for more, expected in (([], 64), (["--matrix", "80"], 80)):
        folder = tmp_path / str(expected)
        assert CliRunner().invoke(app, [*base, str(folder), *more]).exit_code == 0
        written = json.loads((folder / "simulation.json").read_text())["config"]
        assert written["scanner"]["matrix"] == expected
    assert HeadCtConfig.read(folder / "simulation.json").to_dict() == HeadCtConfig.from_dict(written).to_dict()


def test_a_settings_file_that_is_not_there_is_told_in_words(tmp_path) -> None:
    for path in (tmp_path / "nope.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read") as refused:
            HeadCtConfig.read(path)
        assert "Errno" not in str(refused.value) and refused.value.hint == "Check the path."
