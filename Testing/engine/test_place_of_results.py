"""A file in the place of the results is told before a scan is read, a model is loaded or anything is learned."""

from pathlib import Path

import pytest
from engine.terminal import output_of

from radiologycnn.errors import ResourceError

_COMMANDS = {
    "segment": "segment a.nii.gz -o {}",
    "segment several": "segment a.nii.gz b.nii.gz -o {}",
    "classify": "classify a.nii.gz -o {}",
    "classify several": "classify a.nii.gz b.nii.gz -o {}",
    "simulate": "simulate head-ct --matrix 64 -o {}",
    "train": "train hemorrhage --simulate 2 --epochs 1 -o {}",
    "train by folds": "train rotator-cuff --simulate 4 --epochs 1 --folds 2 -o {}",
    "search": "train rotator-cuff --simulate 4 --epochs 1 --search learning_rate=0.1,0.01 -o {}",
    "reproduce": "reproduce arab2020 --models bundled --model none -o {}",
    "its report": "reproduce shim2020 --models bundled --model none -o new --report {}",
    "evaluate masks": "evaluate masks a b -o {}",
    "evaluate classes": "evaluate classes a.csv b.csv -o {}",
    "evaluate maps": "evaluate maps a b -o {}",
    "agreement": "agreement a -o {}",
    "compare readers": "readers compare a -o {}",
    "improve": "improve a -o {}",
    "import": "datasets import bhsd a {}",
    "export": "models export hemorrhage -o {}",
}


@pytest.mark.parametrize("place", ["taken.txt", "taken.txt/further"])
@pytest.mark.parametrize("command", _COMMANDS)
def test_a_file_in_the_place_of_the_results_is_told_first(
    tmp_path: Path, monkeypatch, command: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("radiologycnn.models.catalog.find_model", lambda *_: pytest.fail("the model was looked for"))
    (tmp_path / "taken.txt").write_text("notes")
    with pytest.raises(ResourceError, match=r"folder is needed .* taken\.txt is a file"):
        output_of(*_COMMANDS[command].format(place).split())
    assert [path.name for path in tmp_path.iterdir()] == ["taken.txt"]
    assert (tmp_path / "taken.txt").read_text() == "notes"
