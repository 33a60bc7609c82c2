"""Tables of human readers in a reproduction: a mistake in them is known before the first network learns."""

from pathlib import Path

import numpy as np
import pytest
from engine.head_folder import write_head_folder
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.errors import InputError
from radiologycnn.images import read_volume, write_image
from radiologycnn.reproduction.readers import read_readers


def test_two_answers_of_a_reader_on_a_case_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("reader,group,case,tear_class\nA,x,c0,1\nB,x,c0,2\nA,x,c0,3\n")
    with pytest.raises(InputError, match=r"Line 4 of readers\.csv: reader A answers case c0 a second time"):
        read_readers(path, ["c0"])


def test_readers_with_semicolons_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("Reader;group;case;tear_class;seconds\nA;x;c0;Medium;7,5\nB;;c0;1\n")
    first, second = read_readers(path, ["c0"])
    assert (first.name, first.group, first.classes, first.seconds) == ("A", "x", {"c0": 3}, {"c0": 7.5})
    assert (second.group, second.classes) == ("Readers", {"c0": 1})


def test_raters_masks_are_looked_for_before_anything_is_trained(tmp_path: Path) -> None:
    data = write_head_folder(tmp_path / "heads", ("a", "b", "c", "d", "e"))
    raters = tmp_path / "raters.csv"
    raters.write_text("rater,case,mask\nE1,head-9,mask.nii\n")
    out = tmp_path / "out"
    arguments = ["reproduce", "arab2020", "--quick", "--data", str(data), "--readers", str(raters), "-o", str(out)]
    done = CliRunner().invoke(app, [*arguments, "--methods", "threshold", "--device", "cpu"])
    assert done.exit_code == 1 and isinstance(done.exception, InputError)
    assert "Rater E1 has no mask of" in done.exception.message
    assert not (out / "methods").exists()


def test_empty_rows_are_skipped_and_the_line_told_is_the_files(tmp_path: Path) -> None:
    path = tmp_path / "readers.csv"
    path.write_text("reader,group,case,tear_class\n,,,\nA,x,c0,1\n\n,,,\n")
    assert read_readers(path, ["c0"])[0].classes == {"c0": 1}
    path.write_text("reader,group,case,tear_class\n,,,\n\nA,x,c0,Enormous\n")
    with pytest.raises(InputError, match="Line 4"):
        read_readers(path, ["c0"])


def test_raters_masks_on_other_grids_are_told_before_anything_is_trained(tmp_path: Path) -> None:
    data = write_head_folder(tmp_path / "heads", ("a", "b", "c", "d", "e"))
    volume = read_volume(data / "mask-0.nii")
    write_image(data / "cut.nii", volume.array[1:].astype(np.uint8), volume.ijk_to_lps)
    raters = data / "raters.csv"
    lines = [
        f"{rater},head-{n},{'cut' if rater == 'E2' else f'mask-{n}'}.nii" for rater in ("E1", "E2") for n in range(5)
    ]
    raters.write_text("\n".join(["rater,case,mask", *lines]))
    out = tmp_path / "out"
    arguments = ["reproduce", "arab2020", "--quick", "--data", str(data), "--readers", str(raters), "-o", str(out)]
    done = CliRunner().invoke(app, [*arguments, "--methods", "threshold", "--device", "cpu"])
    assert done.exit_code == 1 and isinstance(done.exception, InputError)
    assert "rater E2" in done.exception.message and "do not lie on one grid" in done.exception.message
    assert not (out / "methods").exists()
