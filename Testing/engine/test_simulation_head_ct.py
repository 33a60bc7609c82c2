"""The head CT simulator: the same scan for the same numbers, true volumes, tissues and geometry as they should be."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume
from radiologycnn.simulation.head_ct import BLEED_LABELS, HeadCtConfig, simulate_head_ct
from radiologycnn.simulation.head_ct.bleeds import plan_bleeds
from radiologycnn.simulation.head_ct.brain import build_brain
from radiologycnn.simulation.head_ct.cavity import build_cavity
from radiologycnn.simulation.head_ct.config import BleedConfig
from radiologycnn.simulation.head_ct.fields import HeadGrid
from radiologycnn.simulation.head_ct.person import draw_person
from radiologycnn.simulation.head_ct.physics import scan
from radiologycnn.simulation.head_ct.scanner import draw_slices, join_upper_slices, onto_slices
from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig

SMALL = HeadCtConfig.from_dict({"scanner": {"matrix": 128, "coarse_mm": 3.0, "fine_mm": 2.0}})


def only(kind: str, volume_ml: float, place: str = "") -> HeadCtConfig:
    """Heads with one bleed of one kind, place and volume."""
    ranges = {place or kind: (volume_ml, 0.0, volume_ml, volume_ml)}
    bleeds = dataclasses.replace(
        BleedConfig(),
        bleed_free=0.0,
        second_bleed=0.0,
        ivh_extension=0.0,
        primary_weights={kind: 1.0},
        location_weights={place or "deep": 1.0},
        volume_ml={**BleedConfig().volume_ml, **ranges},
    )
    return dataclasses.replace(SMALL, bleeds=bleeds)


@pytest.fixture(scope="module")
def bleed_free():
    return simulate_head_ct(3, 5, dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=1.0)))


def test_same_numbers_give_the_same_scan_and_others_another() -> None:
    first, again, other = (simulate_head_ct(i, 11, SMALL) for i in (0, 0, 1))
    assert np.array_equal(first.volume.array, again.volume.array)
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.volume.ijk_to_lps, again.volume.ijk_to_lps)
    assert first.truth == again.truth
    assert first.volume.array.shape != other.volume.array.shape or (first.volume.array != other.volume.array).any()


@pytest.mark.parametrize(
    ("kind", "place", "volume_ml"),
    [("iph", "lobar", 30.0), ("iph", "cerebellar", 10.0), ("sdh", "", 40.0), ("edh", "", 25.0), ("ivh", "", 4.0)],
)
def test_bleed_has_its_volume_its_label_and_its_brightness(kind: str, place: str, volume_ml: float) -> None:
    scan = simulate_head_ct(2, 3, only(kind, volume_ml, place))
    (bleed,) = scan.truth["bleeds"]
    assert bleed["kind"] == kind
    assert bleed["volume_ml"] == pytest.approx(volume_ml, rel=0.10)  # drawn on a 3 mm grid
    mask_ml = (scan.labels > 0).sum() * scan.volume.voxel_volume_mm3 / 1000
    assert scan.truth["mask_ml"] == pytest.approx(mask_ml, abs=0.01)
    # What bone brightens beyond 100 HU is not labelled; on this coarse grid that is much of a layer on the bone.
    assert mask_ml == pytest.approx(scan.truth["volume_ml"], rel=0.3 if kind in ("sdh", "edh") else 0.25)
    assert set(np.unique(scan.labels)) <= {0, BLEED_LABELS[kind]}
    assert 38 < np.median(scan.volume.array[scan.labels > 0]) < 80


def test_subarachnoid_blood_lies_where_csf_was() -> None:
    config = only("sah", 8.0)
    with_blood = simulate_head_ct(1, 4, config)
    assert with_blood.truth["bleeds"][0]["volume_ml"] == pytest.approx(8.0, rel=0.25)
    assert (with_blood.labels == BLEED_LABELS["sah"]).any()


def test_large_bleeds_push_the_midline_and_small_ones_do_not() -> None:
    large, small = (simulate_head_ct(2, 3, only("sdh", ml)).truth for ml in (90.0, 4.0))
    assert large["midline_shift_mm"] > 2.0
    assert small["midline_shift_mm"] < large["midline_shift_mm"] / 2


def test_bleed_free_scan_has_tissues_of_a_head(bleed_free) -> None:
    array = bleed_free.volume.array
    assert array.dtype == np.int16 and not bleed_free.labels.any()
    assert array[0, 0, 0] < -900
    assert 800 < np.percentile(array[array > 300], 95) < 2600  # bone, thin tables drawn on 2 mm
    middle = array[len(array) // 2]
    brain = middle[(middle > 0) & (middle < 80)]
    assert 26 < np.median(brain) < 40
    litres = (array > -300).sum() * bleed_free.volume.voxel_volume_mm3 / 1e6
    assert 2.0 < litres < 6.0


def test_no_label_outside_the_head_or_in_bone() -> None:
    for index in range(2):
        scan = simulate_head_ct(index, 21, dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=0.0)))
        under_label = scan.volume.array[scan.labels > 0]
        assert under_label.size
        assert np.percentile(under_label, 1) > -50
        assert np.median(under_label) < 90


def test_a_fifth_is_bleed_free_and_most_bleeds_are_parenchymal() -> None:
    plans = [plan_bleeds(np.random.default_rng(seed), BleedConfig()) for seed in range(600)]
    assert 0.15 < sum(not plan for plan in plans) / len(plans) < 0.25
    kinds = [bleed.kind for plan in plans for bleed in plan]
    assert set(kinds) == set(BLEED_LABELS)
    assert max(set(kinds), key=kinds.count) == "iph"


def test_gantry_tilt_is_a_true_shear_and_the_matrix_keeps_the_field_of_view() -> None:
    tilted = HeadCtConfig.from_dict(
        {"scanner": {"matrix": 64, "coarse_mm": 4.0, "fine_mm": 4.0, "gantry_tilt": 1.0, "tilt_deg": [15.0, 15.0]}}
    )
    volume = simulate_head_ct(0, 1, tilted).volume
    row, normal = volume.ijk_to_lps[:3, 1], volume.ijk_to_lps[:3, 2]
    cosine = abs(row @ normal) / np.linalg.norm(row) / np.linalg.norm(normal)
    assert np.degrees(np.arcsin(cosine)) == pytest.approx(15.0, abs=0.01)
    finer = simulate_head_ct(0, 1, tilted.with_matrix(128)).volume
    assert finer.spacing_mm[0] * 128 == pytest.approx(volume.spacing_mm[0] * 64)


def test_truth_tells_how_much_of_the_vertex_was_missed() -> None:
    missed = []
    for share in (0.0, 1.0):
        scanner = {"matrix": 64, "coarse_mm": 4.0, "fine_mm": 4.0, "missing_vertex": share}
        scan = simulate_head_ct(0, 1, HeadCtConfig.from_dict({"scanner": scanner}))
        missed.append(scan.truth["missing_vertex_mm"])
        assert (scan.volume.array[-1] > 300).any() == bool(share)  # the last slice shows bone, or air alone
    assert missed[0] == 0 and 0 < missed[1] < 30


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


def test_joined_upper_slices_average_pairs_and_leave_the_skull_base() -> None:
    steps = np.repeat(np.array([0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0], np.float32), 4).reshape(12, 2, 2)
    joined = steps.copy()
    join_upper_slices(joined, np.random.default_rng(0))
    assert np.array_equal(joined[:3], steps[:3])
    assert joined.sum() == pytest.approx(steps.sum())  # what was bright in one slice is spread over its neighbours
    assert joined[:, 0, 0].max() <= 4 and (joined[:, 0, 0] > 0).sum() >= 3
    even = np.arange(12, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    ramp = even.copy()
    join_upper_slices(ramp, np.random.default_rng(0))
    assert np.allclose(ramp[6:-1], even[6:-1], atol=0.5)


def test_thin_blood_is_labelled_from_the_share_of_its_kind() -> None:
    config = only("sah", 8.0)
    half = simulate_head_ct(1, 4, config)
    shares = {**config.bleeds.label_share, "sah": 0.2}
    generous = simulate_head_ct(
        1, 4, dataclasses.replace(config, bleeds=dataclasses.replace(config.bleeds, label_share=shares))
    )
    assert np.array_equal(half.volume.array, generous.volume.array)
    assert generous.truth["volume_ml"] == half.truth["volume_ml"]
    assert half.truth["mask_ml"] < generous.truth["mask_ml"]
    assert np.all(generous.labels[half.labels > 0] > 0)


def test_orbital_roofs_bulge_over_a_thin_bone() -> None:
    """Between the roofs the brain lies deeper, and there is less bone in front than under a thick flat floor."""
    bulging = dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=1.0))
    flat = dataclasses.replace(bulging, anatomy=dataclasses.replace(bulging.anatomy, orbital_roof_mm=0.0))
    bone = []
    for config in (flat, bulging):
        volume = simulate_head_ct(4, 8, config).volume
        front = volume.array[: len(volume.array) // 2, : volume.array.shape[1] // 2]
        bone.append(int((front > 300).sum()))
    assert bone[1] < 0.9 * bone[0]


def test_slabs_and_boxes_give_what_the_grid_gives() -> None:
    grid = HeadGrid(3.1, 5.0)
    field = grid.noise(np.random.default_rng(0), 8.0)
    whole = grid.to_fine(field)
    covered = 0
    for slab in grid.slabs(7):
        values = slab.to_fine(field)
        assert np.array_equal(values, whole[slab.window])
        covered += values.size
        found = slab.around(values > 2.5)
        if found:
            box, part = found
            assert np.array_equal(box.to_fine(field), values[part])
            assert (values[part] > 2.5).sum() == (values > 2.5).sum()
            assert np.broadcast_shapes(*(axis.shape for axis in box.fine_axes)) == values[part].shape
    assert covered == whole.size and slab.around(values > 99) is None


@pytest.mark.parametrize("seed", range(3))
def test_blood_reaches_the_same_voxels_when_only_its_slices_are_sampled(seed) -> None:
    grid = HeadGrid(3.0)
    blood = np.zeros(grid.fine_shape, np.float32)
    blood[20:24, 30:37, 15:21] = 0.7
    config = dataclasses.replace(SMALL.scanner, matrix=64, gantry_tilt=1.0, rotation_sd_deg=8.0)
    slices = draw_slices(np.random.default_rng(seed), config, 80.0)
    found = onto_slices(grid, blood, slices, 1.0, 0.0)
    assert found.max() > 0.3
    assert np.array_equal(found, np.maximum(onto_slices(grid, blood, slices, 1.0, -1e-6), 0))
    assert not onto_slices(grid, 0 * blood, slices, 1.0, 0.0).any()


def with_anatomy(config: HeadCtConfig, **changes) -> HeadCtConfig:
    return dataclasses.replace(config, anatomy=dataclasses.replace(config.anatomy, **changes))


def test_fissures_of_the_cerebellum_hold_csf_and_no_blood() -> None:
    closed, open_ = (
        simulate_head_ct(1, 4, with_anatomy(only("sah", 8.0), folium_cleft_mm=width)) for width in (0.01, 0.6)
    )
    assert np.array_equal(closed.labels, open_.labels)
    change = open_.volume.array.astype(int) - closed.volume.array
    assert change.min() < -5 and change[closed.volume.array < 100].max() <= 2
    changed = np.argwhere(change < -3)
    shape = np.array(change.shape)
    assert changed[:, 0].max() < 0.7 * shape[0] and np.median(changed[:, 1]) > 0.5 * shape[1]  # low, and behind


def test_white_matter_is_uneven_about_the_same_mean() -> None:
    bleed_free = dataclasses.replace(SMALL, bleeds=BleedConfig(bleed_free=1.0))
    settings = {"white_change_hu": (0.0, 0.0)}
    even, uneven = (
        simulate_head_ct(3, 5, with_anatomy(bleed_free, white_uneven_hu=(sd, sd), **settings)).volume.array.astype(
            float
        )
        for sd in (0.0, 2.0)
    )
    brain = (even > 15) & (even < 45) & (uneven > 15) & (uneven < 45)
    change = (uneven - even)[brain]
    assert abs(change.mean()) < 0.6
    assert 0.4 < change.std() < 2.2


def test_edges_are_as_wide_as_the_kernel_whatever_the_head_was_drawn_on() -> None:
    """Against a Gaussian edge: 10 to 90 % within 2.563 standard deviations, the grid's own blur included."""
    config = dataclasses.replace(SMALL, scanner=dataclasses.replace(SMALL.scanner, matrix=512))
    slices = draw_slices(np.random.default_rng(2), config.scanner, 80.0)
    physics = dataclasses.replace(
        config.physics, kernel_sigma_mm=(0.7, 0.7), noise_hu_at_5mm=(0.0, 0.0), hu_offset=(0.0, 0.0), head_rest=0.0
    )
    x = np.arange(80) * slices.pixel_mm
    for blurred_mm in (0.0, 0.5):
        edge = ndimage.gaussian_filter1d(np.where(x < 18, 0.0, 1000.0), max(blurred_mm, 1e-3) / slices.pixel_mm)
        hu = np.tile(edge.astype(np.float32), (1, 80, 1))
        row = scan(hu, slices, np.random.default_rng(0), physics, blurred_mm)[0, 40].astype(float)
        width = np.interp(900, row, x) - np.interp(100, row, x)
        assert width == pytest.approx(2.563 * 0.7, rel=0.08)


def test_settled_cells_brighten_the_back_of_a_bleed_and_leave_its_mean_and_its_outline() -> None:
    config = only("iph", 40.0, "lobar")
    clotted, liquid = (
        simulate_head_ct(
            2, 3, dataclasses.replace(config, bleeds=dataclasses.replace(config.bleeds, fluid_level=share))
        )
        for share in (0.0, 1.0)
    )
    inner = ndimage.binary_erosion(clotted.labels > 0) & ndimage.binary_erosion(liquid.labels > 0)
    change = (liquid.volume.array.astype(float) - clotted.volume.array)[inner]
    in_head = np.stack(np.nonzero(inner)[::-1] + (np.ones(inner.sum()),))
    back = ((liquid.lps_to_head @ liquid.volume.ijk_to_lps) @ in_head)[1]
    low, high = HeadCtConfig().bleeds.fluid_level_hu
    behind, before = (np.median(change[part]) for part in (back > np.median(back) + 6, back < np.median(back) - 6))
    assert 0.6 * low < behind - before < 1.2 * high
    assert abs(change.mean()) < 3
    assert clotted.truth["volume_ml"] == liquid.truth["volume_ml"]


def test_sulci_under_the_vertex_are_no_rings() -> None:
    """What lies on one side of the sulci in a slice reaches the brain's edge, as it does not within a ring."""
    config, grid = HeadCtConfig().anatomy, HeadGrid(3.0, 3.0)
    ringed = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        person = draw_person(rng, config)
        cavity = build_cavity(grid, person, rng, config.orbital_roof_mm, config.temporalis_mm)
        brain = build_brain(grid, person, cavity, np.zeros((3, *grid.coarse[0].shape), np.float32), rng, config)
        level = int(np.searchsorted(grid.axis(2, 3.0), 0.7 * person.height_mm))
        for k in range(level, level + 4):
            within = brain.surface[k] > 0
            for side in (1, -1):
                pieces, _ = ndimage.label(within & (side * brain.sulcus[k] > 0))
                open_ = np.unique(pieces[within & ~ndimage.binary_erosion(within)])
                ringed.append((within & (pieces > 0) & ~np.isin(pieces, open_)).sum() / within.sum())
    assert np.sum(ringed) < 0.06
