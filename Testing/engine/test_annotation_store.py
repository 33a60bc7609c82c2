"""The annotation dataset: words and masks come back as they were said, and training and agreement read them."""

import csv
import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from engine.annotation_rater import SHAPE, lines_of, mask_of, saved_by_spreadsheet, whole_of

from radiologycnn.annotation.mask_file import mask_file_bytes
from radiologycnn.annotation.records import Decision, EditStatistics, Mask, rater_id
from radiologycnn.annotation.scan_folder import find_scans
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError
from radiologycnn.images import read_volume, write_image
from radiologycnn.images.nifti_writing import nifti_bytes

MATRIX = np.array([[-0.5, 0, 0, 10.0], [0, 0.48, 0, -20.0], [0, 0, 5.0, 30.0], [0, 0, 0, 1]])


@pytest.fixture
def store(tmp_path: Path) -> AnnotationStore:
    return AnnotationStore(tmp_path / "data", "AB")


def opened_case(store: AnnotationStore, source: str = "a", shape: tuple[int, ...] = SHAPE) -> str:
    case = store.add_sources([(source, "Meyer_Hans.nii.gz")])[source]
    store.write_scan(case, np.arange(np.prod(shape), dtype=np.int16).reshape(shape) - np.int16(1000), MATRIX)
    return case


@pytest.mark.parametrize(
    ("shape", "offset", "crop"),
    [
        ((3, 5, 7), (1, 2, 3), (1, 2, 2)),
        ((40, 256, 300), (17, 3, 0), (5, 40, 300)),
        ((20, 300, 200), (19, 0, 0), (1, 1, 1)),
    ],
)
def test_mask_file_is_the_same_nifti_as_of_the_whole_array(shape, offset, crop) -> None:
    mask = (np.random.default_rng(0).random(crop) < 0.5).astype(np.uint8)
    whole = np.zeros(shape, np.uint8)
    whole[tuple(slice(o, o + n) for o, n in zip(offset, crop))] = mask
    assert gzip.decompress(mask_file_bytes(mask, offset, shape, MATRIX)) == nifti_bytes(whole, MATRIX)


def test_accepted_mask_comes_back_and_is_where_everybody_looks(store) -> None:
    import SimpleITK as sitk

    case = opened_case(store)
    mask = mask_of("ab", 3)
    word = store.decide(case, Decision("accepted", mask, seconds=61.24, comment="thin rim left"))
    again = AnnotationStore(store.folder, "ab")
    kept = again.annotation(case)
    assert (kept.status, kept.seconds, kept.comment) == ("accepted", 61.2, "thin rim left")
    assert np.array_equal(again.read_mask(kept).crop, Mask.of_whole(whole_of(mask)).crop)
    assert kept.volume_ml == pytest.approx(mask.crop.sum() * abs(np.linalg.det(MATRIX[:3, :3])) / 1000)
    shown = store.folder / "masks" / "ab" / f"{case}.nii.gz"
    assert hashlib.sha256(shown.read_bytes()).hexdigest() == word.mask_sha256
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(store.folder / word.mask))), whole_of(mask))


def test_nothing_of_the_scans_name_enters_the_dataset_unless_asked_for(store, tmp_path) -> None:
    opened_case(store)
    everything = b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    names = " ".join(path.name for path in store.folder.rglob("*"))
    assert b"Meyer" not in everything
    assert "Meyer" not in names
    named = AnnotationStore(tmp_path / "named", "ab")
    assert named.add_sources([("a", "study/Meyer_Hans.nii.gz")], keep_names=True) == {"a": "study-Meyer_Hans"}


def test_scan_is_written_in_parts_and_is_there_whole_or_not_at_all(store, monkeypatch) -> None:
    from radiologycnn.images import write

    monkeypatch.setattr(write, "_PART_BYTES", 2 * 24 * 24 * 2)
    array = np.random.default_rng(1).integers(-1000, 2000, (9, 24, 24)).astype(np.int16)
    (case,) = store.add_sources([("f" * 32, "")]).values()
    for done in (1, 4):  # left before the end
        parts = store.write_scan_in_parts(case, array, MATRIX)
        for _part in range(done):
            next(parts)
        parts.close()
        assert not store.case(case).image and not list((store.folder / "images").iterdir())
    assert sum(1 for _part in store.write_scan_in_parts(case, array, MATRIX)) == 4
    kept = read_volume(store.folder / store.case(case).image)
    assert np.array_equal(kept.array, array) and np.allclose(kept.ijk_to_lps, MATRIX)
    assert not list(store.write_scan_in_parts(case, array, MATRIX)), "once, for all raters"

    mine, others = (store.folder / "images" / f".{name}.nii.0.part" for name in ("left", "growing"))
    for path in (mine, others):
        path.write_bytes(b"0")
    os.utime(mine, (1, 1))
    AnnotationStore(store.folder, "cd")
    assert not mine.exists() and others.exists()


def test_training_reads_the_folder(store, tmp_path) -> None:
    from radiologycnn.hemorrhage.preprocessing import Preprocessing
    from radiologycnn.training.hemorrhage.cases import load_case, prepare_folder

    shape = (12, 48, 48)
    for source in ("a", "b", "c"):
        case = opened_case(store, source, shape)
        if source != "c":
            store.decide(case, Decision("accepted", Mask(np.ones((6, 20, 20), np.uint8), (3, 10, 10))))
    store.decide(case, Decision("flagged", comment="motion"))
    found = prepare_folder(store.folder, tmp_path / "cache", Preprocessing())
    assert [path.stem for path in found[""]] == ["case-0001", "case-0002"]
    prepared = load_case(found[""][0])
    assert prepared.mask.sum() * prepared.voxel_ml == pytest.approx(2400 * 1.2 / 1000, rel=0.15)


def test_agreement_reads_the_masks(store) -> None:
    from radiologycnn.evaluation.rater_agreement import agreement_by_case, find_raters

    case = opened_case(store)
    other = AnnotationStore(store.folder, "cd")
    store.save_network(case, mask_of("network", 1), {"provenance": {"model_sha256": "0"}})
    store.decide(case, Decision("accepted", mask_of("ab", 1)))
    other.decide(case, Decision("accepted", mask_of("ab", 1)))
    found = find_raters(store.folder / "masks")
    assert found.raters == ("ab", "cd", "network")
    dice = {(row["first"], row["second"]): row["dice"] for row in agreement_by_case(found)}
    assert dice["ab", "cd"] == 1.0
    assert dice["ab", "network"] < 1.0


def test_a_rater_may_change_their_mind_and_no_accepted_mask_goes(store) -> None:
    case = opened_case(store)
    first = store.decide(case, Decision("accepted", mask_of("ab", 1)))
    store.decide(case, Decision("flagged", mask_of("ab", 2), comment="second look"))
    assert not (store.folder / "masks" / "ab" / f"{case}.nii.gz").exists()
    assert lines_of(store.folder) == []
    last = store.decide(case, Decision("accepted", mask_of("ab", 3)))
    assert [one["status"] for one in last.history] == ["accepted", "flagged"]
    assert hashlib.sha256((store.folder / first.mask).read_bytes()).hexdigest() == first.mask_sha256
    assert lines_of(store.folder)[0]["mask"] == last.mask


def test_only_the_last_draft_is_kept(store) -> None:
    case = opened_case(store)
    accepted = store.decide(case, Decision("accepted", mask_of("ab", 0)))
    for number in range(1, 5):
        draft = store.decide(case, Decision("in-progress", mask_of("ab", number), seconds=number))
    files = {path.name for path in (store.folder / "versions" / "ab").iterdir()}
    assert files == {Path(accepted.mask).name, Path(draft.mask).name}
    assert store.annotation(case).status == "in-progress"
    assert np.array_equal(store.read_mask(draft).crop, Mask.of_whole(whole_of(mask_of("ab", 4))).crop)


def test_a_mask_that_was_damaged_is_not_taken_for_a_mask(store) -> None:
    case = opened_case(store)
    word = store.decide(case, Decision("accepted", mask_of("ab", 1)))
    path = store.folder / word.mask
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="missing or was changed"):
        store.read_mask(word)


def test_another_grid_is_refused(store) -> None:
    case = opened_case(store)
    with pytest.raises(InputError, match="another grid"):
        store.check_grid(case, SHAPE, MATRIX @ np.diag([1, 1, -1, 1]))
    with pytest.raises(InputError, match="another grid"):
        store.check_grid(case, (7, 32, 40), MATRIX)


def test_a_split_written_by_hand_stays(store) -> None:
    first, second = opened_case(store, "a"), opened_case(store, "b")
    store.decide(first, Decision("accepted", mask_of("ab", 1)))
    path = store.folder / "cases.csv"
    rows = list(csv.reader(path.open(newline="")))
    rows[1][rows[0].index("split")] = "test"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    store.decide(second, Decision("accepted", mask_of("ab", 2)))
    assert [row["split"] for row in lines_of(store.folder)] == ["test", ""]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_what_a_spreadsheet_program_has_saved_stays_and_opens_there_again(store, encoding, delimiter) -> None:
    first, second = opened_case(store, "a"), opened_case(store, "b")
    store.decide(first, Decision("accepted", mask_of("ab", 1)))
    filled = {"split": "test", "patient": "Müller", "Befund": "alt; groß, links"}
    before = saved_by_spreadsheet(store.folder, encoding, delimiter, **filled).read_bytes()
    store.decide(second, Decision("accepted", mask_of("ab", 2)))
    after = (store.folder / "cases.csv").read_bytes()
    assert after.startswith(before) and after.count(b"\r\n") == after.count(b"\n") == 3
    rows = lines_of(store.folder, delimiter)
    assert [row["id"] for row in rows] == [first, second]
    assert {name: rows[0][name] for name in filled} == filled
    assert {name: rows[1][name] for name in filled} == dict.fromkeys(filled, "")


def test_what_was_filled_in_waits_for_a_case_that_is_corrected_again(store) -> None:
    case = opened_case(store)
    store.decide(case, Decision("accepted", mask_of("ab", 1)))
    saved_by_spreadsheet(store.folder, delimiter=",", split="test", patient="p7", note="check")
    for number, filled in ((2, {}), (3, {"split": "train"}), (4, {"split": "", "patient": "", "note": ""})):
        if filled:
            saved_by_spreadsheet(store.folder, delimiter=",", **filled)
        expected = {name: lines_of(store.folder)[0][name] for name in ("split", "patient", "note")}
        store.decide(case, Decision("in-progress", mask_of("ab", number)))
        assert lines_of(store.folder) == []
        AnnotationStore(store.folder, "cd")
        store.decide(case, Decision("accepted", mask_of("ab", 10 + number)))
        (row,) = lines_of(store.folder)
        assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize("text", ["", "../x", "Network", "a b", "é", "x" * 33, "con/1"])
def test_a_rater_id_that_is_none_is_refused(text) -> None:
    with pytest.raises(InputError):
        rater_id(text)


def test_a_folder_of_something_else_is_refused(tmp_path) -> None:
    (tmp_path / "dataset.json").write_text('{"kind": "photos"}')
    with pytest.raises(InputError, match="not of a dataset"):
        AnnotationStore(tmp_path, "ab")


def test_edit_statistics_count_voxels() -> None:
    network = Mask(np.ones((2, 4, 4), np.uint8), (0, 0, 0))
    corrected = Mask(np.ones((2, 4, 4), np.uint8), (1, 0, 0))
    edits = EditStatistics.of(network, corrected, voxel_ml=0.5, changes=3)
    assert (edits.network_ml, edits.corrected_ml, edits.added_ml, edits.removed_ml) == (16, 16, 8, 8)
    assert (edits.dice, edits.changes) == (0.5, 3)
    empty = Mask(np.zeros((1, 1, 1), np.uint8))
    assert EditStatistics.of(empty, empty, 1.0).dice == 1.0
    assert edits.relabelled_ml == 0
    typed = EditStatistics.of(network, Mask(3 * network.crop, network.offset_kji), voxel_ml=0.5)
    assert (typed.added_ml, typed.removed_ml, typed.dice, typed.relabelled_ml) == (0, 0, 1.0, 16)


def test_network_result_comes_back_for_its_model(store) -> None:
    case = opened_case(store)
    probability = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    message = {"offset_kji": [1, 2, 3], "threshold": 0.5, "provenance": {"model_sha256": "abc"}}
    store.save_network(case, mask_of("network", 0), message, probability)
    found, values = AnnotationStore(store.folder, "cd").network_result(case, "abc")
    assert found["offset_kji"] == [1, 2, 3]
    assert np.array_equal(values, probability)
    assert np.array_equal(
        store.network_mask(found["mask_file"]).crop, Mask.of_whole(whole_of(mask_of("network", 0))).crop
    )
    assert store.network_result(case, "another model") is None


def test_scans_of_a_folder(tmp_path) -> None:
    for name in ("b.nii.gz", "sub/a.nrrd", "old/images/x.nii"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / name, np.full((2, 3, 4), len(name), np.int16), np.eye(4))
    AnnotationStore(tmp_path / "old", "ab")
    AnnotationStore(tmp_path / "sub", "ab")  # beside the scans
    (tmp_path / "sub/masks/ab").mkdir(parents=True)
    write_image(tmp_path / "sub/masks/ab/case-0001.nii.gz", np.ones((2, 3, 4), np.uint8), np.eye(4))
    (tmp_path / "copy.nii.gz").write_bytes((tmp_path / "b.nii.gz").read_bytes())
    series = tmp_path / "series"
    series.mkdir()
    for number in range(3):
        (series / f"IM{number}").write_bytes(bytes(128) + b"DICM" + bytes([number]))
    (tmp_path / "old series").mkdir()  # without the preamble, as some archives still give out
    (tmp_path / "old series" / "IM0").write_bytes(b"\x08\x00\x05\x00" + bytes(200))
    assert [scan.name for scan in find_scans(tmp_path)] == ["b.nii.gz", "old series/IM0", "series/IM0", "sub/a.nrrd"]
    with pytest.raises(InputError, match="no scan"):
        (tmp_path / "empty").mkdir()
        find_scans(tmp_path / "empty")


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_scans_whose_headers_are_the_same_are_told_apart_by_their_voxels(tmp_path, ending) -> None:
    for name, value in (("p1", 1), ("p2", 2), ("p3", 1)):
        (tmp_path / name).mkdir()
        image = sitk.GetImageFromArray(np.full((4, 5, 6), value, np.int16))
        sitk.WriteImage(image, str(tmp_path / name / f"ct{ending}"))
    found = find_scans(tmp_path)
    assert [scan.name for scan in found] == [f"p1/ct{ending}", f"p2/ct{ending}"]  # the third is the first again
    assert len({scan.fingerprint for scan in found}) == 2
