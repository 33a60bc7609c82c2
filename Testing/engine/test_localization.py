"""The pointing game: hits, distances and chance levels against what geometry says."""

import numpy as np
import pytest

from radiologycnn.evaluation.hypothesis_tests import wilson
from radiologycnn.evaluation.localization import distances_mm, localization, summarize_localization
from radiologycnn.networks.activation import peak_place

MAP_GRID = np.diag([5.0, 5.0, 5.0, 1.0])


def rotation(degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def map_with_peak(at_ijk: tuple[int, int, int], shape=(16, 16, 16)) -> np.ndarray:
    raw = np.full(shape, -1.0)
    raw[at_ijk[::-1]] = 3.0
    return raw


@pytest.fixture
def lesion() -> tuple[np.ndarray, np.ndarray]:
    """A block of 10 x 10 x 8 mm on a turned grid of 1 x 1 x 4 mm, from (30, 30, 40) to (40, 40, 48) in its own axes."""
    mask = np.zeros((20, 80, 80), np.uint8)
    mask[10:12, 30:40, 30:40] = 1
    # Voxel centres: 0.5 mm (2 mm across slices) behind the faces.
    grid = np.diag([1.0, 1.0, 4.0, 1.0])
    grid[:3, 3] = (0.5, 0.5, 2.0)
    return mask, rotation(30) @ grid


def test_distances_to_boxes_are_exact_on_a_turned_grid(lesion) -> None:
    mask, grid = lesion
    own = np.array([[35, 35, 44], [30.001, 39.999, 40.001], [45, 35, 44], [43, 44, 44], [43, 44, 60], [20, 35, 40.0]])
    turned = own @ rotation(30)[:3, :3].T
    assert distances_mm(turned, mask > 0, grid) == pytest.approx([0, 0, 5, 5, 13, 10], abs=1e-9)


def test_peak_in_beside_and_far_from_the_lesion() -> None:
    mask = np.zeros((80, 80, 80), np.uint8)
    mask[39:42, 38:43, 28:34] = 1  # k, j, i: about (30, 40, 40) mm
    expected = {(6, 8, 8): (0, True, True, True), (7, 8, 8): (1.5, False, True, True)}
    expected[8, 8, 8] = (6.5, False, False, False)
    for at, (distance, *hits) in expected.items():
        found = localization(map_with_peak(at), MAP_GRID, mask, np.eye(4), tolerance_mm=5)
        assert [found.hit, found.hit_voxel, found.hit_within] == hits
        assert found.distance_mm == pytest.approx(distance)
        assert found.peak_lps_mm == tuple(5.0 * index for index in at)
    far = localization(map_with_peak((6, 8, 2)), MAP_GRID, mask, np.eye(4), tolerance_mm=5)
    assert not far.hit_within and far.distance_mm == pytest.approx(28.5)
    assert far.energy_inside == 0 and far.dice == 0


@pytest.mark.parametrize("seed", range(5))
def test_peak_of_a_smooth_map_is_found_finer_than_its_voxels(seed) -> None:
    true = np.random.default_rng(seed).uniform(2, 9, 3)
    away = np.indices((12, 12, 12)) - true[:, None, None, None]
    raw = np.exp(-(away**2).sum(axis=0) / (2 * 1.5**2)) - 0.01
    assert np.abs(peak_place(raw) - true).max() < 0.2
    assert peak_place(7 * raw) == pytest.approx(peak_place(raw))


def test_peak_of_one_voxel_of_a_corner_and_of_a_map_without_evidence() -> None:
    raw = np.zeros((4, 5, 6), np.float32)
    raw[0, 4, 0] = 2.0
    assert peak_place(raw).tolist() == [0, 4, 0]
    raw[0, 3, 0] = 2.0
    assert peak_place(raw).tolist() == [0, 3.5, 0]
    raw[2, 1, 3] = 2.0  # as large, but elsewhere: the first one counts, not a place between the two
    assert peak_place(raw).tolist() == [0, 3.5, 0]
    assert peak_place(raw - 3).tolist() == [0, 3, 0]


def test_chance_is_the_share_of_places_that_would_hit() -> None:
    """A lesion that covers a quarter of the map: random peaks hit as often as chance says."""
    mask = np.ones((2, 1, 1), bool)
    grid = np.diag([40.0, 40.0, 40.0, 1.0])
    grid[:3, 3] = 17.5  # from -2.5 to 37.5 mm: half the map's width and height, all its depth
    raws = np.random.default_rng(0).random((300, 16, 16, 16))
    found = [localization(raw, MAP_GRID, mask, grid, tolerance_mm=5) for raw in raws]
    assert found[0].chance == 0.25
    assert found[0].chance_within == (9 / 16) ** 2  # the next voxel's centre lies 2.5 mm outside
    assert np.mean([case.hit for case in found]) == pytest.approx(0.25, abs=0.06)
    assert np.mean([case.hit_within for case in found]) == pytest.approx((9 / 16) ** 2, abs=0.06)
    # A map without preference has the share of its energy in the lesion that chance says.
    assert found[0].energy_inside == pytest.approx(found[0].chance_within, abs=0.02)


def test_map_that_is_the_lesion_has_all_energy_and_full_overlap() -> None:
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[4:7, 5:9, 6:8] = 1
    found = localization(mask.astype(float), MAP_GRID, mask, MAP_GRID, tolerance_mm=2)
    assert found.dice == 1 and found.energy_inside == 1 and found.hit
    # On the same grid neither 2 mm nor the half voxel of 2.5 mm around the lesion reach another centre.
    assert found.chance_voxel == found.chance_within == pytest.approx(mask.mean())
    # 5 mm do: the centres beside the lesion's faces and edges are no lesion's.
    wider = localization(mask.astype(float), MAP_GRID, mask, MAP_GRID, tolerance_mm=5)
    assert wider.energy_inside == 1 and wider.dice < 1


@pytest.mark.parametrize(("beside_mm", "near"), [(8, False), (3, True)])
def test_coarse_maps_are_measured_as_fine_ones_are(beside_mm, near) -> None:
    """Maps of 1 to 4 blocks over 80 mm, their peak beside a tear of 4 mm: half a voxel of the coarsest is 10 mm."""
    found = []
    for size in (32, 16, 8, 4):
        voxel = 80 / size
        grid = np.diag([voxel, voxel, voxel, 1.0])
        grid[:3, 3] = voxel / 2
        middle = size // 2
        peak = voxel * (middle + 0.5)
        tear_grid = np.eye(4)
        tear_grid[:3, 3] = (peak + beside_mm + 0.5, peak - 1.5, peak - 1.5)
        tear = np.ones((4, 4, 4), np.uint8)
        found.append(localization(map_with_peak((middle,) * 3, (size,) * 3), grid, tear, tear_grid, tolerance_mm=5))
        assert found[-1].distance_mm == pytest.approx(beside_mm)
    scores = {(one.hit, one.hit_within, one.energy_inside) for one in found}
    assert scores == {(False, near, float(near))}
    assert [one.dice > 0 for one in found] == [near] * 4
    assert near or {one.dice for one in found} == {0.0}
    # A coarse map is no easier by chance.
    assert max(one.chance_within for one in found) < 0.02
    assert [one.hit_voxel for one in found] == [False, False, near, True]  # why it is not compared between networks


def test_nothing_to_find_is_refused() -> None:
    with pytest.raises(ValueError, match="no lesion"):
        localization(np.ones((2, 2, 2)), MAP_GRID, np.zeros((2, 2, 2)), MAP_GRID)
    with pytest.raises(ValueError, match="finite"):
        localization(np.full((2, 2, 2), np.nan), MAP_GRID, np.ones((2, 2, 2)), MAP_GRID)


def test_summary_gives_rates_beside_chance() -> None:
    mask = np.zeros((80, 80, 80), np.uint8)
    mask[39:42, 38:43, 28:34] = 1
    cases = [localization(map_with_peak(at), MAP_GRID, mask, np.eye(4)) for at in ((6, 8, 8), (7, 8, 8), (6, 8, 2))]
    summary = summarize_localization(cases)
    assert summary["tears"] == 3
    assert summary["peak_in_tear"] == pytest.approx(1 / 3, abs=1e-3)
    assert summary["peak_within_5_mm"] == pytest.approx(2 / 3, abs=1e-3)
    assert 0 < summary["peak_in_tear_chance"] < summary["peak_within_5_mm_chance"] < 0.02


def test_summary_has_intervals_over_the_tears() -> None:
    mask = np.zeros((80, 80, 80), np.uint8)
    mask[39:42, 38:43, 28:34] = 1
    places = [(6, 8, 8), (7, 8, 8), (6, 8, 2), (6, 8, 8), (5, 8, 8), (6, 7, 8)]
    cases = []
    for number, at in enumerate(places):
        raw = map_with_peak(at)
        raw[8, 8, 6 + number % 2] += 2.5  # some energy at the tear
        cases.append(localization(raw, MAP_GRID, mask, np.eye(4)))
    summary = summarize_localization(cases)
    hits = sum(case.hit for case in cases)
    assert 0 < hits < 6 and summary["peak_in_tear_95"] == [round(end, 4) for end in wilson(hits, 6).ends]
    for name in ("peak_within_5_mm", "energy_inside", "dice", "distance_mm_90th_percentile"):
        lower, upper = summary[f"{name}_95"]
        assert lower <= summary[name] <= upper and lower < upper, name
    assert not [name for name in summary if name.endswith("_chance_95")]
    assert summary["energy_inside_chance"] == summary["peak_within_5_mm_chance"]
    # Of tears that are all alike the rates alone have one.
    alike = summarize_localization(cases[:1] * 3)
    assert alike["peak_in_tear"] == 1 and alike["peak_in_tear_95"] == pytest.approx([0.4385, 1.0], abs=1e-4)
    assert not {"energy_inside_95", "dice_95", "distance_mm_median_95"} & alike.keys()


@pytest.mark.parametrize("tolerance_mm", [0.0, 5.0])
def test_places_that_count_are_found_on_oblique_grids_as_by_asking_all(tolerance_mm) -> None:
    """The map's places are asked for their distance only where they may be near enough."""
    random = np.random.default_rng(4)
    turned = np.eye(4)
    turned[:3, :3] = np.linalg.qr(random.normal(size=(3, 3)))[0] * [0.8, 1.1, 4.0]
    lesion = np.zeros((9, 20, 20), bool)
    lesion[3:5, 6:12, 8:15] = random.random((2, 6, 7)) < 0.5
    to_lps = np.diag([2.5, 2.5, 2.5, 1.0])
    to_lps[:3, 3] = (turned @ [9, 9, 4, 1])[:3] - 20
    raw = random.random((16, 16, 16))
    found = localization(raw, to_lps, lesion, turned, tolerance_mm)
    places = (
        np.stack(np.unravel_index(np.arange(raw.size), raw.shape), axis=1)[:, ::-1] @ to_lps[:3, :3].T + to_lps[:3, 3]
    )
    distances = distances_mm(places, lesion, turned)
    assert found.chance == (distances == 0).mean() > 0
    assert found.chance_voxel == (distances < 1.25).mean() > found.chance
    assert found.chance_within == (distances <= tolerance_mm).mean()
    inside = (distances <= tolerance_mm).reshape(raw.shape)
    assert found.energy_inside == pytest.approx(raw[inside].sum() / raw.sum())
