"""The models that wait in memory for the next click: at most one a task, all of them given back after a while."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from radiologycnn.errors import InputError
from radiologycnn.tasks import HEMORRHAGE_TASK, ROTATOR_CUFF_TASK

if TYPE_CHECKING:
    from radiologycnn.models.package import ModelPackage
    from radiologycnn.worker.progress import JobProgress

#: What runs a task's models: module and class.
_ENGINES = {
    HEMORRHAGE_TASK: ("radiologycnn.hemorrhage.inference", "HemorrhageSegmenter"),
    ROTATOR_CUFF_TASK: ("radiologycnn.rotatorcuff.inference", "RotatorCuffClassifier"),
}


def unknown_task(task: str) -> InputError:
    """The error that says so."""
    return InputError("unknown-task", f"This version has no task {task!r}.")


class WarmModels:
    """Loaded engines (``HemorrhageSegmenter``, ``RotatorCuffClassifier``), the last used one of each task."""

    def __init__(self) -> None:
        self._engines: dict[str, tuple[tuple[str, str, str], Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._engines)

    def engine_for(
        self, task: str, model: str | None, device: str | None, progress: JobProgress
    ) -> tuple[Any, ModelPackage]:
        """The engine for a model and device: the warm one where it fits.

        Raises:
            InputError: the task, the model or the device does not exist.
            ResourceError: what runs the network is not installed, or cannot be loaded.
        """
        if task not in _ENGINES:
            raise unknown_task(task)
        progress.step(0.01, "Loading the model")
        from radiologycnn.models.catalog import find_model
        from radiologycnn.networks.backends import likely_backend

        package = find_model(model, task)
        device = device or "auto"
        if likely_backend(package, device) == "torch" and "torch" not in sys.modules:
            progress.step(0.02, "Starting PyTorch")  # its import takes seconds
        key = (str(package.path), package.weights_sha256, device)
        warm_key, engine = self._engines.get(task, (None, None))
        if key != warm_key:
            engine = None
            self._forget([task])
            module, name = _ENGINES[task]
            engine = getattr(importlib.import_module(module), name)(package, device=device)
            if engine.device.type != "cpu":
                # Two models never share a small GPU.
                self._forget([other for other, (_, held) in self._engines.items() if held.device.type != "cpu"])
            self._engines[task] = (key, engine)
        progress.step(0.10, "Loading the model")
        return engine, package

    def unload(self) -> None:
        """Forget all models and give their memory back, the GPU's too."""
        self._forget(list(self._engines))

    def _forget(self, tasks: Iterable[str]) -> None:
        dropped = [self._engines.pop(task) for task in tasks if task in self._engines]
        if not dropped:
            return
        dropped.clear()
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()
