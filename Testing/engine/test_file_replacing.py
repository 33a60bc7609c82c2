"""Renaming over what is there, while another program holds the file as on Windows."""

import os
from pathlib import Path

import pytest

from radiologycnn import file_replacing
from radiologycnn.file_replacing import whole_file
from radiologycnn.images.write import write_atomically


class Held(PermissionError):
    """As Windows says it."""

    winerror = 32


def held_for(times: int, monkeypatch) -> list[Path]:
    """Let so many renamings fail; the targets of all that are tried."""
    tried, replace = [], os.replace

    def fake(source: Path, target: Path) -> None:
        tried.append(Path(target))
        if len(tried) <= times:
            raise Held(13, "in use", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fake)
    return tried


def test_a_file_that_is_held_for_moments_is_written(tmp_path, monkeypatch) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"old")
    tried = held_for(3, monkeypatch)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and tried == [path] * 4


def test_a_file_that_stays_held_is_an_error_in_the_end_and_stays_as_it_was(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(file_replacing, "_PATIENCE_S", 0.03)
    path, new = tmp_path / "log.csv", tmp_path / "new"
    path.write_bytes(b"old")
    new.write_bytes(b"new")
    tried = held_for(10**6, monkeypatch)
    with pytest.raises(Held):
        file_replacing.replace_path(new, path)
    assert len(tried) > 1 and path.read_bytes() == b"old"


def test_other_reasons_are_said_at_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Held, "winerror", None)
    tried = held_for(1, monkeypatch)
    with pytest.raises(PermissionError):
        file_replacing.replace_path(tmp_path / "new", tmp_path / "old")
    assert len(tried) == 1


def test_a_file_that_is_not_written_to_its_end_leaves_the_one_before_and_nothing_else(tmp_path) -> None:
    path = tmp_path / "weights.safetensors"
    (tmp_path / "weights.safetensors.part").write_bytes(b"of a killed process, longer than what comes")
    with whole_file(path) as file:
        file.write(b"old")
    with pytest.raises(OSError, match="disk"), whole_file(path) as file:
        file.write(b"half of the new one")
        raise OSError("the disk is full")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
