"""Cases of scans in two files, header and voxels, that were known by their header alone when they were annotated."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from engine.annotation_rater import SHAPE, mask_of

from radiologycnn.annotation.records import Annotation, Decision
from radiologycnn.annotation.scan_folder import file_fingerprint, find_scans
from radiologycnn.annotation.store import AnnotationStore

ENDINGS = [".mhd", ".nhdr"]


def write_scan(folder: Path, name: str, value: int) -> Path:
    """A scan of one value; those in folders of their own have headers that are the same."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(np.full(SHAPE, value, np.int16)), str(folder / name))
    return folder / name


def decided_before(folder: Path, scan: Path, rater: str = "ab") -> Annotation:
    """A word as an earlier version has kept it, on a case that goes by the header."""
    store = AnnotationStore(folder, rater)
    fingerprint = file_fingerprint(scan)
    case = store.add_sources([(fingerprint, "")])[fingerprint]
    store.write_scan(case, np.zeros(SHAPE, np.int16), np.eye(4))
    return store.decide(case, Decision("accepted", mask_of(rater, 1), comment="thin rim"))


def opened(dataset: Path, scans: Path, rater: str = "ab") -> tuple[AnnotationStore, dict[str, str]]:
    """As the panel opens a folder: the store, and the case's id by the scan's name."""
    store, found = AnnotationStore(dataset, rater), find_scans(scans)
    ids = store.add_scans(found)
    return store, {scan.name: ids[scan.fingerprint] for scan in found}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_decided_is_found_again(tmp_path, ending) -> None:
    before = decided_before(tmp_path / "data", write_scan(tmp_path / "scans", f"ct{ending}", 1))
    for rater in ("cd", "ab", "ab"):
        store, ids = opened(tmp_path / "data", tmp_path / "scans", rater)
        assert ids == {f"ct{ending}": before.case}
        assert [case.id for case in store.cases()] == [before.case]
        assert not store.problems
    assert store.annotation(before.case) == before
    assert store.read_mask(before) is not None


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_new_case_that_nobody_has_touched_makes_way(tmp_path, ending) -> None:
    """Whoever has opened the folder in between was shown cases with nothing decided."""
    before = decided_before(tmp_path / "data", write_scan(tmp_path / "scans", f"ct{ending}", 1))
    (scan,) = find_scans(tmp_path / "scans")
    between = AnnotationStore(tmp_path / "data", "ab")
    assert between.add_sources([(scan.fingerprint, scan.name)]) == {scan.fingerprint: "case-0002"}
    store, ids = opened(tmp_path / "data", tmp_path / "scans")
    assert ids == {scan.name: before.case}
    assert [case.id for case in store.cases()] == [before.case]


@pytest.mark.parametrize("said", ["opened", "submitted by another rater", "found by the network"])
def test_a_new_case_on_which_something_was_said_stays(tmp_path, said) -> None:
    before = decided_before(tmp_path / "data", write_scan(tmp_path / "scans", "ct.mhd", 1))
    (scan,) = find_scans(tmp_path / "scans")
    between = AnnotationStore(tmp_path / "data", "cd")
    (new,) = between.add_sources([(scan.fingerprint, scan.name)]).values()
    if said == "opened":
        between.begin(new)
    elif said == "submitted by another rater":
        between.submit(new, Decision("flagged", comment="motion"))
    else:
        between.write_scan(new, np.zeros(SHAPE, np.int16), np.eye(4))
        between.save_network(new, mask_of("network", 1), {"provenance": {}})
    store, ids = opened(tmp_path / "data", tmp_path / "scans")
    assert ids == {scan.name: new}
    assert store.annotation(before.case) == before
    (problem,) = store.problems
    assert before.case in problem["message"] and new in problem["message"]
    assert not opened(tmp_path / "data", tmp_path / "scans", "cd")[0].problems, "this rater has decided nothing before"
    store.decide(new, Decision("rejected"))
    assert not opened(tmp_path / "data", tmp_path / "scans")[0].problems, "the rater has seen it"


@pytest.mark.parametrize("ending", ENDINGS)
def test_of_two_scans_with_one_header_neither_takes_what_was_decided(tmp_path, ending) -> None:
    names = [f"p1/ct{ending}", f"p2/ct{ending}"]
    scans = [write_scan(tmp_path / "scans", name, value) for value, name in enumerate(names)]
    before = decided_before(tmp_path / "data", scans[0])
    store, ids = opened(tmp_path / "data", tmp_path / "scans")
    assert sorted(ids) == names
    assert len({before.case, *ids.values()}) == 3
    assert store.annotation(before.case) == before
    (problem,) = store.problems
    assert all(word in problem["message"] for word in (before.case, *ids.values()))

    store.decide(ids[names[0]], Decision("rejected"))
    again, same = opened(tmp_path / "data", tmp_path / "scans")
    assert same == ids and len(again.problems) == 1, "the other one may still be looked for"
    store.decide(ids[names[1]], Decision("rejected"))
    again, same = opened(tmp_path / "data", tmp_path / "scans")
    assert same == ids and not again.problems


def test_a_second_scan_that_comes_later_does_not_take_it_again(tmp_path) -> None:
    first = write_scan(tmp_path / "first", "ct.mhd", 1)
    write_scan(tmp_path / "second", "ct.mhd", 2)
    before = decided_before(tmp_path / "data", first)
    assert opened(tmp_path / "data", tmp_path / "first")[1] == {"ct.mhd": before.case}
    assert opened(tmp_path / "data", tmp_path / "second")[1] == {"ct.mhd": "case-0002"}
    assert opened(tmp_path / "data", tmp_path / "first")[1] == {"ct.mhd": before.case}


def test_copies_of_one_scan_are_one_scan(tmp_path) -> None:
    scans = [write_scan(tmp_path / "scans", f"p{number}/ct.mhd", 1) for number in range(2)]
    before = decided_before(tmp_path / "data", scans[0])
    assert set(opened(tmp_path / "data", tmp_path / "scans")[1].values()) == {before.case}


def test_links_to_nothing_are_no_scans(tmp_path) -> None:
    write_scan(tmp_path, "ct.nii", 1)
    (tmp_path / "gone.nii").symlink_to(tmp_path / "nowhere.nii")
    assert [scan.name for scan in find_scans(tmp_path)] == ["ct.nii"]
