"""Simulated shoulder MR: the same scan for the same numbers, tears as wide as their class, truth where it is seen."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig, plan_shoulder, simulate_shoulder_mr
from radiologycnn.simulation.shoulder_mr.anatomy import Humerus
from radiologycnn.simulation.shoulder_mr.config import ConfounderConfig
from radiologycnn.simulation.shoulder_mr.confounders import CONFOUNDERS
from radiologycnn.simulation.shoulder_mr.signal import Protocol, draw_palette, spin_echo

# Coarse, for speed; thin slices where a width is measured across them.
SMALL = ShoulderMrConfig.from_dict({"scanner": {"matrix": 96, "fine_mm": 1.4, "coarse_mm": 3.0}})
THIN = ShoulderMrConfig.from_dict(
    {
        "scanner": {
            "matrix": 160, "fine_mm": 1.0, "coarse_mm": 3.0, "slices": [76, 76], "thickness_mm": 1.2, "gap_mm": [0, 0],
            "sub_slices": 1, "angle_deg": 0.0,
        }
    }
)  # fmt: skip


def only(tear_class: int, config: ShoulderMrConfig = SMALL) -> ShoulderMrConfig:
    return config.with_class_shares(tuple(float(c == tear_class) for c in range(5)))


def of_side(left: float, config: ShoulderMrConfig) -> ShoulderMrConfig:
    return dataclasses.replace(config, anatomy=dataclasses.replace(config.anatomy, left_share=left))


def in_shoulder(scan, lps: np.ndarray) -> np.ndarray:
    """LPS places (n, 3) to u, v, w."""
    places = np.c_[lps, np.ones(len(lps))]
    return (np.linalg.inv(np.array(scan.truth["shoulder_to_lps"])) @ places.T).T[:, :3]


def labelled(scan) -> np.ndarray:
    """LPS places of the labelled voxels, (n, 3)."""
    kji = np.argwhere(scan.labels == 1)
    return (np.c_[kji[:, ::-1], np.ones(len(kji))] @ scan.volume.ijk_to_lps.T)[:, :3]


def test_same_numbers_give_the_same_scan_and_others_another() -> None:
    first, again, other = (simulate_shoulder_mr(i, 11, SMALL) for i in (0, 0, 1))
    assert np.array_equal(first.volume.array, again.volume.array)
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.volume.ijk_to_lps, again.volume.ijk_to_lps)
    assert first.truth == again.truth == json.loads(json.dumps(again.truth))
    assert first.volume.array.shape != other.volume.array.shape or (first.volume.array != other.volume.array).any()


@pytest.mark.parametrize(("tear_class", "low", "high"), [(2, 0, 12), (3, 8, 32), (4, 28, 46)])
def test_full_tear_is_as_wide_and_long_in_its_mask_as_its_truth_says(tear_class: int, low: float, high: float) -> None:
    config = only(tear_class, THIN)
    scan = simulate_shoulder_mr(1, 5, config)
    truth = scan.truth
    assert truth["tear_class"] == tear_class and truth["tear_side"] == "full"
    assert low < truth["tear_width_mm"] < high
    assert abs(truth["tear_width_mm"] - truth["measured_width_mm"]) <= config.tears.probe_error_mm
    plan = plan_shoulder(1, 5, config)
    humerus = Humerus(plan.person, 0.0)
    u, v, w = (in_shoulder(scan, labelled(scan)) - in_shoulder(scan, np.array([truth["head_centre_lps_mm"]]))).T
    arc, along = humerus.arc(v, w), humerus.along(u, v, w)
    assert np.ptp(arc) == pytest.approx(truth["tear_width_mm"], abs=3.0)
    assert np.ptp(along) == pytest.approx(truth["tear_length_mm"], abs=4.0)
    front = plan.person.biceps_arc_mm - truth["behind_biceps_mm"]
    assert arc.max() == pytest.approx(front, abs=2.5)
    assert truth["mask_ml"] == pytest.approx(truth["tear_ml"], rel=0.15)


def test_intact_has_no_mask_and_partial_leaves_part_of_the_thickness() -> None:
    intact = simulate_shoulder_mr(0, 5, only(0))
    assert not intact.labels.any() and intact.truth["tear_centre_lps_mm"] is None
    assert intact.truth["tear_width_mm"] == 0
    sides = set()
    for index in range(40):
        plan = plan_shoulder(index, 5, only(1))
        sides.add(plan.tear.side)
        assert 0.15 <= plan.tear.depth <= 0.9
    assert sides == {"articular", "bursal", "inside"}
    for index in range(2):
        partial = simulate_shoulder_mr(index, 5, only(1))
        assert partial.labels.any()  # even where no voxel is half filled
        assert 0 < partial.truth["tear_ml"] < 1.0


def test_tear_is_bright_where_an_intact_tendon_is_dark() -> None:
    steady = dataclasses.replace(THIN, signal=dataclasses.replace(THIN.signal, pd_share=0.0, failed_saturation=0.0))
    bare = dataclasses.replace(steady, confounders=ConfounderConfig(**dict.fromkeys(CONFOUNDERS, 0.0)))
    torn = simulate_shoulder_mr(1, 5, only(3, bare))
    intact = simulate_shoulder_mr(1, 5, only(0, bare))
    assert np.array_equal(torn.volume.ijk_to_lps, intact.volume.ijk_to_lps)  # the tear disturbs nothing else
    where = torn.labels == 1
    assert np.median(torn.volume.array[where]) > 3 * np.median(intact.volume.array[where])


@pytest.mark.parametrize("plane", ["coronal", "sagittal", "axial"])
def test_head_centre_is_the_middle_of_the_marrow_around_it(plane: str) -> None:
    config = dataclasses.replace(only(0), signal=dataclasses.replace(SMALL.signal, fat_saturated=0.0))
    scan = simulate_shoulder_mr(4, 8, config, plane, "T1")
    centre, radius = np.array(scan.truth["head_centre_lps_mm"]), scan.truth["head_radius_mm"]
    shape = scan.volume.array.shape
    ijk = np.stack(np.meshgrid(*(np.arange(n) for n in shape[::-1]), indexing="ij"), axis=-1).reshape(-1, 3)
    lps = (np.c_[ijk, np.ones(len(ijk))] @ scan.volume.ijk_to_lps.T)[:, :3]
    far = np.linalg.norm(lps - centre, axis=1)
    values = scan.volume.array[ijk[:, 2], ijk[:, 1], ijk[:, 0]].astype(float)
    u = in_shoulder(scan, lps)[:, 0] - in_shoulder(scan, centre[None])[0, 0]
    inside = np.median(values[far < radius - 4])
    rim = np.median(values[(far > radius - 1) & (far < radius + 1) & (u < 0)])
    assert inside > 1.5 * rim  # marrow against cortex and cartilage
    # Not the centre of a sphere that lies 8 mm off.
    for shift in np.eye(3) * 8:
        other = np.linalg.norm(lps - centre - shift, axis=1)
        assert values[far < radius - 4].std() < values[other < radius - 4].std()


def test_left_is_the_mirror_of_right() -> None:
    for plane in ("coronal", "sagittal", "axial"):
        right, left = (simulate_shoulder_mr(2, 4, of_side(share, only(3)), plane) for share in (0.0, 1.0))
        assert (right.truth["side"], left.truth["side"]) == ("right", "left")
        mirrored = np.array(right.truth["head_centre_lps_mm"]) * (-1, 1, 1)
        assert left.truth["head_centre_lps_mm"] == pytest.approx(mirrored)
        assert labelled(left).mean(axis=0) == pytest.approx(labelled(right).mean(axis=0) * (-1, 1, 1), abs=1e-6)
        # Voxels too: every right one is found at its mirrored place.
        to_left = np.linalg.inv(left.volume.ijk_to_lps) @ np.diag([-1.0, 1, 1, 1]) @ right.volume.ijk_to_lps
        kji = np.array([[k, j, i] for k in (3, 11) for j in (20, 50) for i in (30, 77)])
        there = np.rint(np.c_[kji[:, ::-1], np.ones(len(kji))] @ to_left.T).astype(int)[:, 2::-1]
        assert np.array_equal(right.volume.array[tuple(kji.T)], left.volume.array[tuple(there.T)])
        # A right shoulder lies at the patient's right, and rows and columns run as radiologists hang them.
        assert right.truth["head_centre_lps_mm"][0] < 0 < left.truth["head_centre_lps_mm"][0]
        along_columns = left.volume.ijk_to_lps[:3, 1] / np.linalg.norm(left.volume.ijk_to_lps[:3, 1])
        assert along_columns @ ((0, 1, 0) if plane == "axial" else (0, 0, -1)) > 0.9
        row = left.volume.ijk_to_lps[:3, 0] / np.linalg.norm(left.volume.ijk_to_lps[:3, 0])
        assert row[1 if plane == "sagittal" else 0] > 0.6


def test_planes_and_weightings_show_the_same_shoulder() -> None:
    scans = [simulate_shoulder_mr(3, 6, only(3), plane) for plane in ("coronal", "sagittal", "axial")]
    assert [s.truth["protocol"]["weighting"] for s in scans][2] == "T1"
    same = (
        "tear_class",
        "tear_width_mm",
        "tear_length_mm",
        "side",
        "head_radius_mm",
        "confounders",
        "acromiohumeral_mm",
        "head_centre_lps_mm",  # the series of one examination, which lie over each other in a viewer
    )
    assert all(s.truth[name] == scans[0].truth[name] for s in scans for name in same)
    centres = [in_shoulder(s, np.array([s.truth["tear_centre_lps_mm"]]))[0] for s in scans]
    for other in centres[1:]:
        assert np.linalg.norm(other - centres[0]) < 6.0
    t2, t1 = (simulate_shoulder_mr(3, 6, only(3), weighting=w) for w in ("T2", "T1"))
    assert np.array_equal(t2.labels, t1.labels) and np.array_equal(t2.volume.ijk_to_lps, t1.volume.ijk_to_lps)
    assert t1.truth["protocol"]["echo_time_ms"] < 20 < t2.truth["protocol"]["echo_time_ms"]


def test_large_tears_retract_and_lift_the_head() -> None:
    plans = [plan_shoulder(i, 2, only(4)) for i in range(60)]
    assert all(plan.tear.measured_width_mm > 30 for plan in plans)
    assert np.median([plan.tear.retraction_mm for plan in plans]) > 8
    lifted = next(i for i, plan in enumerate(plans) if plan.tear.migrated_acromiohumeral_mm)
    scan = simulate_shoulder_mr(lifted, 2, only(4))
    assert scan.truth["acromiohumeral_mm"] < 7
    assert in_shoulder(scan, np.array([scan.truth["head_centre_lps_mm"]]))[0, 2] > 1
    assert all(
        plan.tear.migrated_acromiohumeral_mm is None for plan in (plan_shoulder(i, 2, only(3)) for i in range(20))
    )


def test_classes_come_in_the_papers_shares_and_confounders_alike_in_each() -> None:
    plans = [plan_shoulder(i, 9) for i in range(2500)]
    classes = np.array([plan.tear.tear_class for plan in plans])
    shares = np.bincount(classes, minlength=5) / len(plans)
    assert shares == pytest.approx(ShoulderMrConfig().tears.class_shares, abs=0.03)
    for name in CONFOUNDERS:
        present = np.array([name in plan.confounders for plan in plans])
        overall = present.mean()
        assert 0.05 < overall < 0.6
        for tear_class in range(5):
            here = present[classes == tear_class]
            # Four standard errors: fails by chance once in some hundred populations, and the seed is fixed.
            assert abs(here.mean() - overall) < 4 * np.sqrt(overall * (1 - overall) / len(here)), (name, tear_class)
    # Also how they look does not know the class.
    thick = np.array([plan.confounders.numbers["bursitis"][0] for plan in plans])
    assert all(abs(thick[classes == c].mean() - thick.mean()) < 0.25 for c in range(5))


def test_signal_follows_the_spin_echo_equation() -> None:
    protocol = Protocol("T2", 3750.0, 80.0, 3.0, False)
    assert spin_echo(1.0, 3750.0, 80.0, protocol) == pytest.approx((1 - np.exp(-1)) * np.exp(-1))
    config = ShoulderMrConfig().signal
    t2 = draw_palette(np.random.default_rng(0), config, protocol)
    assert t2.water["fluid"] > 2 * t2.water["muscle"] > 4 * t2.water["tendon"]
    assert t2.fat["fat"] > 2 * t2.water["muscle"]
    t1 = draw_palette(np.random.default_rng(0), config, Protocol("T1", 600.0, 16.0, 3.0, False))
    assert t1.fat["fat"] > 2 * t1.water["fluid"]
    # Magic angle: tendon brightens at 55 degrees to the field, at a short echo time only.
    angles = np.cos(np.deg2rad(np.array([0.0, 54.7])))
    short = draw_palette(np.random.default_rng(0), config, Protocol("PD", 3000.0, 20.0, 3.0, False))
    along, magic = short.tendon_water(angles)
    assert magic > 4 * along and magic > 0.1
    assert t2.tendon_water(angles)[1] < 0.1 * t2.water["fluid"]


def test_air_lies_lateral_and_the_body_is_one_piece() -> None:
    scan = simulate_shoulder_mr(5, 3, of_side(0.0, only(0)))
    array = scan.volume.array.astype(float)
    lateral, medial = array[:, :, 0], array[:, array.shape[1] // 2, -12:]
    assert np.median(lateral) < 0.25 * np.percentile(array, 90)  # rows begin at a right shoulder's lateral side
    assert np.median(medial) > 0
    smooth = ndimage.gaussian_filter(array[len(array) // 2], 2)
    parts, count = ndimage.label(smooth > 0.15 * np.percentile(array, 95))
    assert np.bincount(parts.ravel())[1:].max() > 0.9 * (parts > 0).sum() and count > 0


def test_settings_and_wrong_options_are_refused_in_words() -> None:
    assert ShoulderMrConfig.from_dict(json.loads(json.dumps(SMALL.to_dict()))) == SMALL
    with pytest.raises(InputError, match=r"scanner\.matrx"):
        ShoulderMrConfig.from_dict({"scanner": {"matrx": 3}})
    with pytest.raises(InputError, match="oblique"):
        simulate_shoulder_mr(0, 0, SMALL, "oblique")
    with pytest.raises(InputError, match="STIR"):
        simulate_shoulder_mr(0, 0, SMALL, "coronal", "STIR")


def test_command_writes_shoulders_goes_on_and_refuses_other_settings(tmp_path) -> None:
    from radiologycnn.cli import app

    (tmp_path / "quick.json").write_text('{"scanner": {"fine_mm": 2.5, "coarse_mm": 4.0, "sub_slices": 2}}')
    out = tmp_path / "out"
    base = ["simulate", "shoulder-mr", "-o", str(out), "--config", str(tmp_path / "quick.json"), "--matrix", "64"]
    base += ["--class-shares", "0,0,0,1,0", "--seed", "6"]
    assert CliRunner().invoke(app, [*base, "--count", "1"]).exit_code == 0
    first = out / "shoulder-mr-6-00000.nii.gz"
    stamp = first.stat().st_mtime_ns
    done = CliRunner().invoke(app, [*base, "--count", "2"])
    assert done.exit_code == 0 and "1 new scans" in done.output
    assert first.stat().st_mtime_ns == stamp
    with (out / "truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["shoulder-mr-6-00000", "shoulder-mr-6-00001"]
    assert {row["tear_class"] for row in rows} == {"3"}
    image, mask = read_volume(first), read_volume(out / "shoulder-mr-6-00000-mask.nii.gz")
    assert image.array.shape == mask.array.shape and mask.array.any()
    assert float(rows[0]["mask_ml"]) == pytest.approx(mask.array.sum() * mask.voxel_volume_mm3 / 1000, rel=1e-3)
    assert (out / "contact-sheet.png").stat().st_size > 1000
    refused = CliRunner().invoke(app, [*base, "--plane", "axial"])
    assert isinstance(refused.exception, InputError) and refused.exception.code == "other-settings"
    wrong = CliRunner().invoke(app, [*base, "--class-shares", "1,2"])
    assert isinstance(wrong.exception, InputError) and wrong.exception.code == "class-shares"
