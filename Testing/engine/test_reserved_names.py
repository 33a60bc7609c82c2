"""Ids become names of files, and datasets and studies go from one computer to another: Windows has reserved names."""

from pathlib import Path

import pytest

from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError
from radiologycnn.readers.study import checked_reader
from radiologycnn.reserved_names import is_reserved


@pytest.mark.parametrize("name", ["con", "NUL", "aux.csv", "Com1", "lpt9.tar.gz", "prn ", "prn.", "con .txt", "COM¹"])
def test_names_of_devices_are_reserved(name) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["cons", "com", "com10", "r01.con", "null", "", ".con", "a con"])
def test_other_names_are_not(name) -> None:
    assert not is_reserved(name)


@pytest.mark.parametrize("reader", ["con", " Nul ", "AUX", "com1"])
def test_a_reader_cannot_be_called_as_a_device_of_windows(tmp_path: Path, reader: str) -> None:
    with pytest.raises(InputError, match="Windows"):
        checked_reader(reader)
    with pytest.raises(InputError, match="Windows"):
        AnnotationStore(tmp_path / "data", reader)
    assert not (tmp_path / "data").exists()


def test_a_scan_may_be_called_so_and_its_case_is_not(tmp_path: Path) -> None:
    store = AnnotationStore(tmp_path, "ab")
    assert store.add_sources([("a", "Aux.nii.gz"), ("b", "p1/aux.nii")], keep_names=True) == {
        "a": "scan-Aux",
        "b": "p1-aux",
    }
