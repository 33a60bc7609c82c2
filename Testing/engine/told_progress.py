"""What a job tells of its progress, checked as every job's is."""

from collections.abc import Callable
from typing import Any


def told_by(run: Callable[[Callable[[float, str], None]], Any]) -> tuple[Any, list[str]]:
    """What ``run(progress)`` gave, and each stage that it told, in order; the fractions rise from 0 to 1."""
    told: list[tuple[float, str]] = []
    result = run(lambda fraction, stage: told.append((fraction, stage)))
    fractions = [fraction for fraction, _ in told]
    assert fractions[0] == 0 and fractions[-1] == 1 and fractions == sorted(fractions)
    return result, [stage for _, stage in told]
