"""A method in a run: what it learned is kept as a step, so that a finished run is told again without any network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from radiologycnn.baselines.interface import Fit, Method
from radiologycnn.errors import InputError
from radiologycnn.reproduction.workspace import Workspace

M = TypeVar("M", bound=Method)


class RunMethod(Generic[M]):
    """One of the methods that a run compares; it learns when this is made, unless it has.

    Args:
        name: key in file names and options.
        make: the method itself, made only where it is needed.
        cases: of the run, "train" and "validation" among them.
        then: what else to do with the method once it has learned.

    Attributes:
        title: what a person reads in a table.
        fit: what learning took and found.

    Raises:
        Cancelled: as the workspace was told.
        InputError: cases that cannot be learned from.
    """

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        make: Callable[[], M],
        cases: Mapping[str, Sequence[Any]],
        then: Callable[[M], None] = lambda method: None,
    ) -> None:
        self.name = name
        self._workspace, self._make, self._cases, self._then = workspace, make, cases, then
        self._method: M | None = None
        kept = workspace.step(f"fit-{name}", lambda: self._record(*self._learn()))
        self.title = kept["title"]
        log = workspace.folder / kept["log"] if kept["log"] else None
        self.fit = Fit(kept["seconds"], log, kept["facts"])

    def ready(self) -> M:
        """The method, which knows what it learned.

        Raises:
            InputError: it stands for a model, and that is another one than the run began with.
        """
        if self._method is None:
            fit = self._learn()[1]
            if fit.facts.get("sha256") != self.fit.facts.get("sha256"):
                raise InputError(
                    "other-model",
                    f"The run began with the model {self.fit.facts['model']}; this would be {fit.facts['model']}.",
                    "Begin in another folder.",
                )
        return self._method

    def _learn(self) -> tuple[str, Fit]:
        method = self._make()
        report = self._workspace.stage(f"Learning, {method.title}")
        folder = self._workspace.folder / "methods" / self.name
        cases = self._cases
        fit = method.fit(cases["train"], cases["validation"], folder, report, self._workspace.cancelled)
        self._then(method)
        self._method = method
        return method.title, fit

    def _record(self, title: str, fit: Fit) -> dict[str, Any]:
        log = Path(fit.log).relative_to(self._workspace.folder).as_posix() if fit.log else None
        return {"title": title, "seconds": fit.seconds, "log": log, "facts": fit.facts}
