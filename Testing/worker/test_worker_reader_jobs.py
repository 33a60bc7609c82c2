"""The worker's comparison of a study's readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / "readers").mkdir(parents=True)
    for case in ("a", "b"):
        (folder / f"{case}.nii").write_bytes(b"")
    (folder / "truth.csv").write_text("case,tear_class\na,None\nb,Small\n")
    return folder


def test_readers_are_compared_and_the_report_is_written(start_worker: Callable, study: Path, tmp_path: Path) -> None:
    from radiologycnn.readers.answers import Answer, write_answers

    worker = start_worker()
    worker.send(cmd="compare_readers", job="1", study=str(study), output=str(tmp_path / "out"))
    refused = worker.wait_until(lambda message: message["event"] == "error", "error")
    assert refused["code"] == "no-answers" and refused["hint"]
    write_answers(study / "readers" / "R01.csv", [Answer("a", 1, 0, 4.0), Answer("b", 2, 1, 6.0)])
    worker.send(cmd="compare_readers", job="2", study=str(study), output=str(tmp_path / "out"))
    answer = worker.wait_for("result", "2")
    assert answer["comparison"]["members"][0]["top1"] == 0.5
    assert answer["comparison"]["members"][0]["seconds"] == 5.0
    assert "R01" in Path(answer["page"]).read_text(encoding="utf-8")
