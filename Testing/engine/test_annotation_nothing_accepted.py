"""A dataset that was opened, and in which nobody has accepted a mask yet."""

from pathlib import Path

import pytest
from engine.terminal import output_of

from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.errors import InputError


def test_agreement_and_consensus_say_that_nothing_is_accepted(tmp_path: Path) -> None:
    AnnotationStore(tmp_path / "data", "ab")
    for words in (("agreement", tmp_path / "data", "-o", tmp_path / "out"), ("consensus", tmp_path / "data")):
        with pytest.raises(InputError, match="No mask has been accepted yet"):
            output_of(*words)
