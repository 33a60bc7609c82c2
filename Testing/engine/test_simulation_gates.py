"""Gates: they catch a population that is too easy, and let a hard one pass."""

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from engine.terminal import output_of

from radiologycnn.errors import InputError, ResourceError
from radiologycnn.images.volume import Volume
from radiologycnn.simulation import shoulder_mr
from radiologycnn.simulation.gates import Gate, format_table
from radiologycnn.simulation.gates.classic_segmenters import Case, intracranial, threshold_dice
from radiologycnn.simulation.gates.head_ct import segmenter_gates
from radiologycnn.simulation.gates.shoulder_mr import class_gates, shoulder_mr_gates
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig

SPACING = np.array([2.0, 2.0, 5.0])


def ball_head(blood_hu: float, seed: int) -> Case:
    """A skull of bone round grey noise, with a ball of blood in it."""
    rng = np.random.default_rng(seed)
    k, j, i = np.mgrid[-6:7, -45:46, -45:46]
    j0, i0 = rng.integers(-15, 16, 2)
    radius = np.sqrt((k * 5.0) ** 2 + (j * 2.0) ** 2 + (i * 2.0) ** 2)
    in_plane = np.hypot(j * 2.0, i * 2.0)
    hu = np.where(in_plane < 78, 32.0, -1000.0)
    hu[(in_plane >= 70) & (in_plane < 78)] = 900
    mask = np.sqrt((k * 5.0) ** 2 + ((j - j0) * 2.0) ** 2 + ((i - i0) * 2.0) ** 2) < 18
    hu[mask & (radius < 65)] = blood_hu
    hu += rng.normal(0, 3, hu.shape)
    return Case(hu.astype(np.int16), mask.astype(np.uint8), SPACING)


def test_inside_of_the_skull_is_found_and_its_bone_is_not() -> None:
    case = ball_head(32, 0)
    inside = intracranial(case.hu, case.spacing_mm)
    expected = (np.pi * 69.0**2) * 13 * 5.0 / 1000
    assert inside.sum() * np.prod(SPACING) / 1000 == pytest.approx(expected, rel=0.06)
    assert case.hu[inside].max() < 100


def test_bright_bleeds_fail_the_gates_and_invisible_ones_pass() -> None:
    pytest.importorskip("sklearn")
    easy = segmenter_gates([ball_head(75, n) for n in range(4)], [0.6, 0.7, 0.7, 0.8])
    assert [gate.passed for gate in easy if gate.limit] == [False, False]
    forest, network = easy[-2:]
    assert forest.limit == pytest.approx(0.6) and network.value == pytest.approx(0.7)
    hard = segmenter_gates([ball_head(32, n) for n in range(4)])
    assert all(gate.passed for gate in hard)
    assert [gate.limit for gate in hard if gate.name.startswith("Random forest")] == [None]


def test_network_is_measured_on_the_scans_that_bleed(monkeypatch) -> None:
    pytest.importorskip("sklearn")
    from radiologycnn.simulation.gates import head_ct

    class Scan:
        def __init__(self, index: int) -> None:
            case = ball_head(75, index)
            self.mask = case.mask * (index != 1)
            self.labels, self.truth = self.mask, {"bleeds": []}
            self.volume = Volume(case.hu, np.diag([*SPACING, 1.0]), "CT")

    seen = []

    def network(volume: Volume) -> np.ndarray:
        seen.append(volume)
        return np.zeros(volume.array.shape, np.uint8)

    monkeypatch.setattr(head_ct, "simulate_head_ct", lambda index, seed, config: Scan(index))
    gates = {gate.name: gate for gate in head_ct.head_ct_gates(3, network=network)}
    assert len(seen) == 2 and gates["Network, mean Dice"].value == 0
    assert not gates["Random forest on local features, mean Dice"].passed


def test_a_bright_ball_is_found_by_the_best_threshold() -> None:
    scores = threshold_dice(ball_head(75, 1))
    assert max(scores) > 0.9


def shoulder(tear_class: int, rng: np.random.Generator, leak: str = "") -> tuple[Volume, dict]:
    array = rng.gamma(2.0, 100.0, (10, 32, 32)).astype(np.float32)
    spacing = 3.0
    if leak == "bright":
        array[:, 8:24, 8:24] *= 1 + 0.8 * tear_class
    if leak == "spacing":
        spacing += 0.05 * tear_class
    matrix = np.diag([spacing, spacing, 8.0, 1.0])
    centre = (matrix @ [15.5, 15.5, 4.5, 1])[:3].tolist()
    return Volume(array, matrix, "MR"), {"tear_class": tear_class, "head_centre_lps_mm": centre}


@pytest.mark.parametrize(("leak", "caught"), [("", ()), ("bright", ("Histogram", "Mean")), ("spacing", ("Size",))])
def test_classes_that_a_histogram_or_a_file_tells_are_caught(leak, caught) -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(3)
    gates = class_gates([shoulder(number % 5, rng, leak) for number in range(80)])
    failed = {gate.name for gate in gates if not gate.passed}
    assert all(any(name.startswith(start) for name in failed) for start in caught)
    if not caught:
        assert not failed
    if leak == "spacing":
        assert "Histogram of the whole scan, balanced accuracy" not in failed


def test_too_few_scans_are_no_pass() -> None:
    rng = np.random.default_rng(0)
    gates = class_gates([shoulder(number % 5, rng) for number in range(8)])
    assert all(gate.value is None and not gate.passed for gate in gates if gate.limit)
    assert not segmenter_gates([ball_head(60, 0)])[0].passed


@pytest.fixture
def quick_classifiers(monkeypatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr("radiologycnn.simulation.gates.shoulder_mr.balanced_accuracy", lambda *_: 0.2)
    monkeypatch.setattr("radiologycnn.simulation.gates.shoulder_mr._MOST_PLANNED", 100)


@pytest.mark.parametrize("count", [1, 10])
def test_too_few_shoulders_are_refused_before_any_is_simulated(monkeypatch, quick_classifiers, count) -> None:
    simulated = []
    monkeypatch.setattr(shoulder_mr, "simulate_shoulder_mr", lambda *_: simulated.append(1))
    with pytest.raises(InputError) as refused:
        shoulder_mr_gates(count)
    assert refused.value.code == "too-few-scans" and not simulated
    least = int(re.search(r"--count (\d+)", refused.value.hint).group(1))
    rng = np.random.default_rng(0)
    for number, figures in ((least - 1, False), (least, True)):
        drawn = [shoulder(shoulder_mr.plan_shoulder(index).tear.tear_class, rng) for index in range(number)]
        assert all(gate.value is not None for gate in class_gates(drawn)) == figures
    one_class = ShoulderMrConfig().with_class_shares((1.0, 0.0, 0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="other shares"):
        shoulder_mr_gates(count, 0, one_class)


def test_enough_shoulders_are_simulated(monkeypatch, quick_classifiers) -> None:
    def simulate(index: int, seed: int, config: ShoulderMrConfig) -> SimpleNamespace:
        tear_class = shoulder_mr.plan_shoulder(index, seed, config).tear.tear_class
        volume, truth = shoulder(tear_class, np.random.default_rng(index))
        return SimpleNamespace(volume=volume, truth=truth)

    monkeypatch.setattr(shoulder_mr, "simulate_shoulder_mr", simulate)
    stages = []
    gates = shoulder_mr_gates(80, progress=lambda fraction, stage: stages.append(stage))
    assert all(gate.value is not None for gate in gates)
    assert stages[-2:] == ["Scan 80 of 80", "Done"]


@pytest.mark.parametrize("verb", ["head-ct", "shoulder-mr"])
def test_missing_package_is_told_before_any_scan_is_simulated(monkeypatch, verb) -> None:
    from radiologycnn.simulation.gates import head_ct

    def simulate(*_) -> None:
        raise AssertionError("simulated first")

    monkeypatch.setattr(head_ct, "simulate_head_ct", simulate)
    monkeypatch.setattr(shoulder_mr, "simulate_shoulder_mr", simulate)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ResourceError, match="scikit-learn"):
        head_ct.head_ct_gates(2) if verb == "head-ct" else shoulder_mr_gates(80)


def test_table_shows_each_figure_beside_its_limit() -> None:
    text = format_table([Gate("A", 0.412, 0.5, "how"), Gate("B", 0.61, 0.5), Gate("C", 0.2, None)])
    lines = [line.split() for line in text.splitlines()[1:]]
    assert lines == [["A", "0.412", "0.500", "pass", "how"], ["B", "0.610", "0.500", "FAIL"], ["C", "0.200"]]


def test_command_prints_the_table_and_its_exit_code_tells(monkeypatch) -> None:
    from typer.testing import CliRunner

    from radiologycnn.cli import app
    from radiologycnn.simulation.gates import head_ct

    for value, code in ((0.4, 0), (0.6, 1)):
        monkeypatch.setattr(head_ct, "head_ct_gates", lambda *_, value=value: [Gate("Threshold", value, 0.5)])
        done = CliRunner().invoke(app, ["simulate", "gates", "head-ct", "--count", "2", "--no-network"])
        assert done.exit_code == code and f"{value:.3f}" in done.output


def test_quantiles_of_bleeds_stand_beside_the_reference() -> None:
    from radiologycnn.simulation.gates.bleed_quantiles import BleedFigures, format_quantiles

    text = format_quantiles([BleedFigures("sdh", hu, ml) for hu, ml in ((40.0, 5.0), (50.0, 10.0), (60.0, 15.0))])
    (row,) = text.splitlines()[1:]
    assert row.startswith("sdh (3)")
    assert "41/45/50/55/59 | 27/43/51/59/69" in row and "5.5/7.5/10.0/12.5/14.5 | 0.6/2.5/5.9/11/54" in row


@pytest.mark.parametrize("verb", ["head-ct", "shoulder-mr"])
def test_the_settings_file_decides_the_matrix_where_it_states_one(tmp_path, monkeypatch, verb) -> None:
    """Else it is 256, unless the command line names another one."""
    from radiologycnn.simulation.gates import head_ct
    from radiologycnn.simulation.gates import shoulder_mr as gates_of_shoulders

    drawn = []

    def measure(count, seed, settings, *_) -> list[Gate]:
        drawn.append(settings.scanner)
        return [Gate("Threshold", 0.4, 0.5)]

    monkeypatch.setattr(head_ct, "head_ct_gates", measure)
    monkeypatch.setattr(gates_of_shoulders, "shoulder_mr_gates", measure)
    (tmp_path / "stated.json").write_text('{"scanner": {"matrix": 96, "coarse_mm": 4.0}}')
    (tmp_path / "other.json").write_text('{"scanner": {"coarse_mm": 4.0}}')
    base = ["simulate", "gates", verb, *(["--no-network"] if verb == "head-ct" else [])]
    for more, expected in (
        ((), (256, None)),
        (("--config", tmp_path / "stated.json"), (96, 4.0)),
        (("--config", tmp_path / "other.json"), (256, 4.0)),
        (("--config", tmp_path / "stated.json", "--matrix", 80), (80, 4.0)),
    ):
        output_of(*base, *more)
        assert drawn[-1].matrix == expected[0]
        assert expected[1] in (None, drawn[-1].coarse_mm)


def test_gates_of_a_preset_and_of_a_settings_file_cannot_go_together(tmp_path) -> None:
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(InputError, match="cannot go together"):
        output_of("simulate", "gates", "head-ct", "--preset", "plain", "--config", tmp_path / "c.json")
