"""Whoever follows a method that learns sees the work go on, never back to where it was."""

from __future__ import annotations

import pytest

from radiologycnn.baselines.interface import PREPARED, Learning
from radiologycnn.progress import never_cancelled, part_of


@pytest.fixture
def told() -> list[tuple[float, str]]:
    return []


@pytest.fixture
def learning(tmp_path, told) -> Learning:
    cases = [_Case(f"case-{number}") for number in range(4)]
    return Learning(cases[:3], cases[3:], tmp_path, lambda part, text: told.append((part, text)), never_cancelled)


class _Case:
    def __init__(self, name: str) -> None:
        self.id = name

    def fingerprint(self) -> str:
        return self.id


def test_preparing_the_validation_cases_goes_on_where_the_training_cases_ended(tmp_path, learning, told):
    cache = tmp_path / "cache"
    cache.mkdir()
    training, validation = learning.part(0.0, PREPARED).prepared(
        cache, lambda case: (cache / f"{case.id}.npz").write_bytes(b"prepared")
    )
    assert [path.stem for path in training] == ["case-0", "case-1", "case-2"]
    assert [path.stem for path in validation] == ["case-3"]
    parts = [part for part, _ in told]
    assert parts == sorted(parts) and len(parts) == 4
    assert parts[-1] <= PREPARED
    assert told[-1][1] == "Preparing case 4 of 4"


def test_parts_of_parts_stay_within_the_whole(learning, told):
    inner = learning.part(0.2, 0.6).part(0.5, 1.0)
    for fraction in (0.0, 0.5, 1.0, 1.5):
        inner.progress(fraction, "")
    assert [part for part, _ in told] == pytest.approx([0.4, 0.5, 0.6, 0.6])


def test_a_part_is_told_in_the_wholes_own_words(told):
    part_of(lambda *one: told.append(one), 0.5, 1.0)(0.5, "Halfway")
    assert told == [(0.75, "Halfway")]
