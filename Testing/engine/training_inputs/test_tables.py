"""What is wrong in the table of a data folder is said before anything is computed, with its line."""

import csv

import pytest
from engine.training_inputs.newcomer import GRID, rewrite

from radiologycnn.errors import InputError
from radiologycnn.training.hemorrhage.cases import prepare_folder


@pytest.mark.parametrize(
    ("before", "after", "encoding", "says"),
    [
        ("id,", "case,", "utf-8", "has no column id; it has case, image, mask, patient, split"),
        (",mask,", ",masks,", "utf-8", "has no column mask; it has id, image, masks"),
        (",patient,split", ",Split,split", "utf-8", "Two columns of cases.csv are called split"),
        ("scan-1.nii", "scan-9.nii", "utf-8", "line 3: the image “scan-9.nii” does not exist"),
        ("mask-1.nii", "", "utf-8", "line 3: no mask is named"),
        ("head-0", "tête-0", "latin-1", "not a text in UTF-8"),
    ],
)
def test_mistakes_in_the_table_are_named(own, tmp_path, before, after, encoding, says) -> None:
    rewrite(own, before, after, encoding)
    with pytest.raises(InputError, match=says):
        prepare_folder(own, tmp_path / "cache", GRID)
    assert not (tmp_path / "cache").exists()


def test_semicolons_are_read_too(own, tmp_path) -> None:
    rewrite(own, ",", ";")
    assert len(prepare_folder(own, tmp_path / "cache", GRID)[""]) == 3


def test_rows_of_empty_cells_are_no_cases_and_a_mistake_is_named_by_its_own_line(own, tmp_path) -> None:
    rewrite(own, "head-1,", "\n,,,,\nhead-1,")
    with (own / "cases.csv").open("a") as file:
        file.write(",,,,\n , ,,,\n")
    found = prepare_folder(own, tmp_path / "cache", GRID)
    assert [path.stem for path in found[""]] == ["head-0", "head-1", "head-2"]
    rewrite(own, "scan-2.nii", "scan-9.nii")
    with pytest.raises(InputError, match=r"line 6: the image “scan-9\.nii” does not exist"):
        prepare_folder(own, tmp_path / "cache", GRID)
    rewrite(own, "scan-9.nii,mask-2.nii,c,", "scan-2.nii,mask-2.nii,a,test")
    rewrite(own, "mask-0.nii,a,", "mask-0.nii,a,train")
    with pytest.raises(InputError, match="line 6: patient “a” stands in train and in test"):
        prepare_folder(own, tmp_path / "cache", GRID)


def test_semicolons_within_a_comma_table_are_text(own, tmp_path) -> None:
    with (own / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    with (own / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*row, note] for row, note in zip(rows, ("notes", "a; b; c", "d;e", ""))])
    assert len(prepare_folder(own, tmp_path / "cache", GRID)[""]) == 3


def test_a_quote_that_is_never_closed_is_no_table(own, tmp_path) -> None:
    path = own / "cases.csv"
    path.write_text(path.read_text() + 'x,"' + 200_000 * "y")
    with pytest.raises(InputError, match=r"cases\.csv is no CSV table"):
        prepare_folder(own, tmp_path / "cache", GRID)


def test_names_of_columns_may_have_capitals_and_spaces(own, tmp_path) -> None:
    """A split or a patient that was overlooked would let a model be tested on what it has learned."""
    rewrite(own, "id,image,mask,patient,split", "ID, Image,Mask ,Patient, Split")
    rewrite(own, "mask-1.nii,b,", "mask-1.nii, a, test")
    rewrite(own, "mask-2.nii,c,", "mask-2.nii,c,train ")
    rewrite(own, "scan-0.nii", " scan-0.nii")
    found = prepare_folder(own, tmp_path / "cache", GRID)
    assert {split: [path.stem for path in paths] for split, paths in found.items() if paths} == {
        "test": ["head-0", "head-1"],
        "train": ["head-2"],
    }
