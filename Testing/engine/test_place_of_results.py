"""A file in the place of the results is told before a scan is read or a model is loaded."""

from pathlib import Path

import pytest
from engine.terminal import output_of

from radiologycnn.errors import ResourceError


@pytest.mark.parametrize("command", ["segment", "classify"])
def test_a_file_in_the_place_of_the_results_is_told_first(tmp_path: Path, monkeypatch, command: str) -> None:
    monkeypatch.setattr("radiologycnn.models.catalog.find_model", lambda *_: pytest.fail("the model was looked for"))
    taken = tmp_path / "taken.txt"
    taken.write_text("notes")
    for scans in (("a.nii.gz",), ("a.nii.gz", "b.nii.gz")):
        with pytest.raises(ResourceError, match=r"taken\.txt is a file"):
            output_of(command, *scans, "-o", taken)
    assert taken.read_text() == "notes"
