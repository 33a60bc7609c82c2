"""Consensus of raters: as SimpleITK has it, read by training where chosen, never of masks that were replaced."""

import csv
from pathlib import Path

import numpy as np
import pytest
from engine.annotated_folder import MATRIX, SHAPE, VOXEL_ML, annotated_folder, ball
from engine.terminal import output_of

from radiologycnn.annotation.consensus import make_consensus, refresh_consensus
from radiologycnn.annotation.dataset import AnnotationDataset
from radiologycnn.annotation.records import Decision, Mask
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.hemorrhage.mask_values import types_text
from radiologycnn.images import read_volume

RATERS = {"ab": (1.0, 0), "cd": (1.1, 1), "ef": (0.9, -2), "network": (1.4, 0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    annotated_folder(tmp_path / "data", 4, RATERS)
    return tmp_path / "data"


def masks_of(folder: Path, case: str) -> list[np.ndarray]:
    return [read_volume(folder / "masks" / rater / f"{case}.nii.gz").array for rater in ("ab", "cd", "ef")]


def training_lines(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "cases.csv").open(newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("method", ["majority", "staple", "union", "intersection"])
def test_consensus_is_what_simpleitk_makes_of_the_same_masks(folder, method) -> None:
    import SimpleITK as sitk

    record = make_consensus(AnnotationDataset(folder), method)
    for row in record["cases"]:
        masks = masks_of(folder, row["case"])
        images = [sitk.GetImageFromArray(mask) for mask in masks]
        if method == "majority":
            expected = sitk.GetArrayFromImage(sitk.LabelVoting(images, 0)) > 0
        elif method == "union":
            expected = sitk.GetArrayFromImage(images[0] | images[1] | images[2]) > 0
        elif method == "intersection":
            expected = sitk.GetArrayFromImage(images[0] & images[1] & images[2]) > 0
        else:
            places = np.argwhere(np.any(masks, axis=0))
            low = np.maximum(places.min(axis=0) - 5, 0)
            size = np.minimum(places.max(axis=0) + 6, SHAPE) - low
            cut = [sitk.RegionOfInterest(image, size[::-1].tolist(), low[::-1].tolist()) for image in images]
            inner = sitk.GetArrayFromImage(sitk.STAPLE(cut, 1.0)) > 0.5
            expected = np.zeros(SHAPE, bool)
            expected[tuple(slice(a, a + n) for a, n in zip(low, size))] = inner
        written = read_volume(folder / row["mask"])
        assert np.array_equal(written.array > 0, expected)
        assert np.allclose(written.ijk_to_lps, MATRIX)
        assert row["volume_ml"] == pytest.approx(expected.sum() * VOXEL_ML)
        dice = 2 * (masks[0].astype(bool) & expected).sum() / (masks[0].sum() + expected.sum())
        assert row["dice"]["ab"] == pytest.approx(dice, abs=1e-6)


def test_training_reads_the_consensus_where_it_is_chosen(folder) -> None:
    from radiologycnn.hemorrhage.preprocessing import Preprocessing
    from radiologycnn.training.hemorrhage.cases import load_case, prepare_folder

    dataset = AnnotationDataset(folder)
    assert make_consensus(dataset, "union")["training_masks"] == "latest"
    assert {row["rater"] for row in training_lines(folder).values()} <= {"ab", "cd", "ef"}
    assert make_consensus(dataset, "union", use_for_training=True)["training_masks"] == "consensus"
    lines = training_lines(folder)
    assert {row["rater"] for row in lines.values()} == {"consensus"}
    assert {row["accepted_by"] for row in lines.values()} == {"ab cd ef"}
    prepared = prepare_folder(folder, folder.parent / "cache", Preprocessing(grid_shape_ijk=(24, 24, 16)))[""]
    assert np.array_equal(load_case(prepared[3]).mask, np.any(masks_of(folder, "case-0004"), axis=0))
    dataset.use_latest_masks()
    assert "consensus" not in {row["rater"] for row in training_lines(folder).values()}


def test_a_new_word_ends_the_consensus_of_its_case_until_it_is_made_again(folder) -> None:
    dataset = AnnotationDataset(folder)
    make_consensus(dataset, "majority", use_for_training=True)
    rater = AnnotationStore(folder, "ef")  # the last by name, as all this happens within a second
    word = rater.decide("case-0002", Decision("accepted", Mask.of_whole(ball(2))))
    lines = training_lines(folder)
    assert lines["case-0002"]["mask"] == word.mask and lines["case-0002"]["rater"] == "ef"
    assert {row["rater"] for case, row in lines.items() if case != "case-0002"} == {"consensus"}
    assert rater.stale_consensus() == ["case-0002"]
    refresh_consensus(dataset)
    assert dataset.stale_consensus() == []
    assert training_lines(folder)["case-0002"]["rater"] == "consensus"
    agreed = read_volume(folder / training_lines(folder)["case-0002"]["mask"]).array
    assert np.array_equal(agreed, (np.sum(masks_of(folder, "case-0002"), axis=0) >= 2))


def test_network_as_one_more_rater_and_a_single_rater(folder) -> None:
    annotated_folder(folder, 5, {"gh": (1.0, 0)})
    record = make_consensus(AnnotationDataset(folder), "union", with_network=True)
    first, last = record["cases"][0], record["cases"][-1]
    assert first["raters"] == ["ab", "cd", "ef", "gh", "network"]
    assert first["volume_ml"] > make_consensus(AnnotationDataset(folder), "union")["cases"][0]["volume_ml"]
    assert last["raters"] == ["gh"] and last["dice"] == {"gh": 1.0}
    assert record["notes"] == ["1 of 5 cases have one rater only, whose mask is the consensus."]


def test_a_majority_of_two_is_said_to_be_their_intersection(folder, tmp_path) -> None:
    annotated_folder(tmp_path / "two", 2, {name: RATERS[name] for name in ("ab", "cd")})
    dataset = AnnotationDataset(tmp_path / "two")
    (note,) = make_consensus(dataset)["notes"]
    assert note == (
        "2 of 2 cases have two raters only: a majority of two is what both have marked, their intersection."
    )
    assert make_consensus(dataset, "union")["notes"] == []
    annotated_folder(tmp_path / "two", 1, {"ef": RATERS["ef"]})
    assert make_consensus(dataset)["notes"][0].startswith("1 of 2 cases has two raters only")


def test_cancelled_consensus_leaves_training_as_it_was(folder) -> None:
    dataset = AnnotationDataset(folder)
    make_consensus(dataset, "majority", use_for_training=True)
    before = (folder / "cases.csv").read_bytes()
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        make_consensus(dataset, "staple", use_for_training=True, cancelled=lambda: next(asked))
    assert (folder / "cases.csv").read_bytes() == before
    assert dataset.stale_consensus() == []


def test_what_cannot_be_combined(folder, tmp_path) -> None:
    with pytest.raises(InputError, match="no consensus “mean”"):
        make_consensus(AnnotationDataset(folder), "mean")
    AnnotationStore(tmp_path / "empty", "ab")
    with pytest.raises(InputError, match="No mask has been accepted"):
        make_consensus(AnnotationDataset(tmp_path / "empty"))
    with pytest.raises(InputError, match="no annotation dataset"):
        AnnotationDataset(tmp_path)


def test_by_command_line(folder) -> None:
    def run(*arguments: object) -> str:
        return output_of("consensus", folder, *arguments)

    printed = run("--method", "staple", "--use-for-training")
    assert "Training reads the consensus." in printed and "case-0004" in printed
    assert training_lines(folder)["case-0001"]["rater"] == "consensus"
    assert "latest" in run("--latest")
    assert training_lines(folder)["case-0001"]["rater"] != "consensus"


def test_patients_written_by_hand_stay(folder) -> None:
    path = folder / "cases.csv"
    rows = list(csv.reader(path.open(newline="")))
    rows[1][rows[0].index("patient")] = "p7"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    make_consensus(AnnotationDataset(folder), "majority", use_for_training=True)
    assert [row["patient"] for row in training_lines(folder).values()] == ["p7", "", "", ""]


def typed_words(folder: Path, masks: dict[str, np.ndarray], types: bool = True) -> AnnotationDataset:
    """One case with these raters' masks, whose values stand for types."""
    for rater, mask in masks.items():
        store = AnnotationStore(folder, rater)
        (case,) = store.add_sources([("a" * 32, "")]).values()
        store.write_scan(case, np.full(SHAPE, 30, np.int16), MATRIX)
        store.decide(case, Decision("accepted", Mask.of_whole(mask), types=types_text(mask) if types else ""))
    return AnnotationDataset(folder)


@pytest.mark.parametrize("method", ["majority", "staple", "union", "intersection"])
def test_types_of_a_consensus_are_voted_on(tmp_path, method) -> None:
    """Where blood is, is decided as ever; of which type, by most raters, and where they are even the commoner one."""
    iph, sdh = 1, 3
    masks = {rater: ball(6, shift) * np.uint8(sdh) for rater, shift in (("ab", 0.0), ("cd", 1.0), ("ef", 2.0))}
    masks["ab"][:8][masks["ab"][:8] > 0] = iph
    masks["cd"][:6][masks["cd"][:6] > 0] = iph
    record = make_consensus(typed_words(tmp_path, masks), method, use_for_training=True)
    found = read_volume(tmp_path / record["cases"][0]["mask"]).array
    plain = typed_words(tmp_path / "plain", masks, types=False)
    binary = read_volume(plain.folder / make_consensus(plain, method)["cases"][0]["mask"]).array
    assert np.array_equal(found > 0, binary > 0) and set(np.unique(binary)) == {0, 1}
    votes = np.array([sum(mask == value for mask in masks.values()) for value in (sdh, iph)])
    expected = np.where(found > 0, np.array([sdh, iph])[votes.argmax(axis=0)], 0)
    assert np.array_equal(found, expected) and {iph, sdh} <= set(np.unique(found))
    assert training_lines(tmp_path)["case-0001"]["types"] == "iph+sdh"


def test_one_rater_without_types_leaves_a_consensus_of_blood(tmp_path) -> None:
    typed_words(tmp_path, {"ab": ball(6) * np.uint8(3)})
    dataset = typed_words(tmp_path, {"cd": ball(6)}, types=False)
    record = make_consensus(dataset, use_for_training=True)
    assert set(np.unique(read_volume(tmp_path / record["cases"][0]["mask"]).array)) == {0, 1}
    assert training_lines(tmp_path)["case-0001"]["types"] == ""
