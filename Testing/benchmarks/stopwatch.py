"""Seconds that calls of a function take, measured from outside, without a change to the function's file."""

from __future__ import annotations

import time
from typing import Any


class Stopwatch:
    """Stands in for a module's or object's function inside a ``with`` block; ``seconds`` is the sum of its calls."""

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name
        self.seconds = 0.0

    def __enter__(self) -> Stopwatch:
        original = self._original = getattr(self._owner, self._name)

        def timed(*arguments: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return original(*arguments, **keywords)
            finally:
                self.seconds += time.perf_counter() - start

        setattr(self._owner, self._name, timed)
        return self

    def __exit__(self, *_error: object) -> None:
        setattr(self._owner, self._name, self._original)
