"""What people give to ``radiologycnn evaluate`` and ``agreement`` by mistake is told before anything is measured."""

import re
from pathlib import Path

import numpy as np
import pytest
from engine.evaluate_command import MATRIX, box, run, table
from engine.terminal import output_of

from radiologycnn.errors import InputError, RadiologyCNNError
from radiologycnn.images import write_image


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """A folder with the masks of two cases."""
    (tmp_path / "masks").mkdir()
    for case in ("a", "b"):
        write_image(tmp_path / "masks" / f"{case}.nii.gz", box(3), MATRIX)
    return tmp_path / "masks"


@pytest.fixture
def nothing_is_read(monkeypatch) -> None:
    def read(path: Path) -> None:
        pytest.fail(f"{path} was read first")

    monkeypatch.setattr("radiologycnn.evaluation.mask_files.read_volume", read)


@pytest.mark.usefixtures("nothing_is_read")
@pytest.mark.parametrize("place", ["taken.csv", "taken.csv/results"])
def test_a_file_in_the_place_of_the_results_is_told_first(masks, tmp_path, place) -> None:
    taken = table(tmp_path / "taken.csv", "case,tear_class", "a,None")
    for rater in ("r1", "r2"):
        (tmp_path / "raters" / rater).mkdir(parents=True)
        write_image(tmp_path / "raters" / rater / "a.nii.gz", box(3), MATRIX)
    before = taken.read_bytes()
    for words in (
        ("evaluate", "masks", masks, masks),
        ("evaluate", "maps", masks, masks),
        ("evaluate", "classes", taken, taken),
        ("agreement", tmp_path / "raters"),
    ):
        with pytest.raises(RadiologyCNNError, match=r"taken\.csv is a file") as refused:
            output_of(*words, "-o", tmp_path / place)
        assert "folder" in refused.value.hint
    assert taken.read_bytes() == before


@pytest.mark.usefixtures("nothing_is_read")
def test_the_other_method_is_looked_for_first(masks, tmp_path) -> None:
    with pytest.raises(InputError, match="nope"):
        run("masks", masks, masks, "-o", tmp_path / "out", "--against", tmp_path / "nope")


@pytest.mark.parametrize("command", ["masks", "maps"])
def test_a_file_and_a_folder_are_no_pair(masks, tmp_path, command) -> None:
    for words in ((masks / "a.nii.gz", masks), (masks, masks / "a.nii.gz")):
        with pytest.raises(InputError, match=r"a\.nii\.gz is a file and .*masks is a folder"):
            run(command, *words, "-o", tmp_path / "out")


def test_a_label_that_no_mask_holds_is_refused(masks, tmp_path) -> None:
    with pytest.raises(InputError, match="No mask holds the value 7") as refused:
        run("masks", masks, masks, "-o", tmp_path / "out", "--label", 7)
    assert "1" in refused.value.hint and not (tmp_path / "out").exists()
    write_image(masks.parent / "none.nii.gz", np.zeros_like(box(3)), MATRIX)
    empty = masks.parent / "none.nii.gz"
    assert "nothing was found" in run("masks", empty, empty, "-o", tmp_path / "out"), "without a label it may be so"


def test_a_table_to_compare_with_that_cannot_be_read_is_told_first(tmp_path) -> None:
    truth = table(tmp_path / "truth.csv", "case,tear_class", "a,None", "b,Small")
    wrong = table(tmp_path / "wrong.csv", "patient,diagnosis", "a,None")
    with pytest.raises(InputError, match=r"wrong\.csv"):
        run("classes", truth, truth, "-o", tmp_path / "out", "--against", wrong)
    assert not (tmp_path / "out").exists()


def test_what_another_run_has_written_and_this_one_has_not_is_gone(masks, tmp_path) -> None:
    table(masks / "cases.csv", "id,scanner", "a,GE", "b,Siemens")
    truth = table(tmp_path / "truth.csv", "case,tear_class", "a,None", "b,Small")
    for folder, words, names in (
        ("m", ("masks", masks, masks), {"groups.csv": ("--by", "scanner"), "comparison.json": ("--against", masks)}),
        ("c", ("classes", truth, truth), {"comparison.json": ("--against", truth)}),
    ):
        run(*words, "-o", tmp_path / folder, *(word for option in names.values() for word in option))
        assert all((tmp_path / folder / name).is_file() for name in names)
        run(*words, "-o", tmp_path / folder)
        assert not any((tmp_path / folder / name).exists() for name in names)


def test_a_table_of_cases_to_train_on_is_not_written_over(masks, tmp_path) -> None:
    manifest = table(masks / "cases.csv", "id,image,mask", "a,a.nii.gz,a.nii.gz", "b,b.nii.gz,b.nii.gz")
    before = manifest.read_bytes()
    truth = table(tmp_path / "truth.csv", "case,tear_class", "a,None", "b,Small")
    for words in (("masks", masks, masks), ("maps", masks, masks), ("classes", truth, truth)):
        with pytest.raises(InputError, match=r"would replace .*cases\.csv"):
            run(*words, "-o", masks)
    with pytest.raises(InputError, match=r"would replace .*cases\.csv"):
        output_of("agreement", tmp_path, "-o", masks)
    assert manifest.read_bytes() == before
    (tmp_path / "study").mkdir()
    groups = table(tmp_path / "study" / "groups.csv", "reader,group", "R1,A")
    run("masks", masks, masks, "-o", groups.parent)
    assert groups.is_file(), "of something else, as no run has written here before"


def test_results_go_where_results_lie_already(masks, tmp_path) -> None:
    for _time in range(2):
        assert "Results:" in run("masks", masks, masks, "-o", tmp_path / "new" / "out")


def test_of_many_files_the_one_that_cannot_be_used_is_named(masks, tmp_path) -> None:
    folder = tmp_path / "found"
    for case in "ab":
        (folder / case).mkdir(parents=True)
        write_image(folder / case / "mask.nii.gz", box(3), MATRIX)
        write_image(folder / case / "cam_raw.nii.gz", box(3).astype(np.float32), MATRIX)
    for name in ("mask.nii.gz", "cam_raw.nii.gz"):
        path = folder / "b" / name
        write_image(path, np.where(box(3), 1, np.nan).astype(np.float32), MATRIX)
    for kind, name in (("masks", "mask.nii.gz"), ("maps", "cam_raw.nii.gz")):
        with pytest.raises(InputError, match=re.escape(f"{folder / 'b' / name}: ")):
            run(kind, folder, masks, "-o", tmp_path / "out")
