"""Processes that have imported everything already, for tests of what a killed or a failing command leaves.

``python -m radiologycnn train`` imports PyTorch and its compiler for four seconds before it does what such a test is
about. These processes are forked from one that has imported them and done nothing else (multiprocessing's forkserver);
where a system cannot fork, each imports for itself. That commands work when they are started from nothing is tested
with real starts elsewhere.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

PATIENCE_S = 600
IMPORTED = [
    "torch._dynamo",  # of the first optimizer
    "torch.distributed.launcher.api",
    "radiologycnn.reproduction.arab2020_run",
    "radiologycnn.reproduction.shim2020_run",
    "radiologycnn.training.hemorrhage.run",
    "radiologycnn.training.rotatorcuff.run",
]

_can_fork = "forkserver" in multiprocessing.get_all_start_methods()
_context = multiprocessing.get_context("forkserver" if _can_fork else "spawn")
if _can_fork:
    _context.set_forkserver_preload(IMPORTED)


def forked(work: Callable[..., None], *arguments: object, said: Path) -> BaseProcess:
    """A process that has begun ``work(*arguments)``; what it writes to stdout and stderr comes into the file ``said``.

    ``work`` is a function of a module. The environment is that of the caller.
    """
    said.touch()
    process = _context.Process(target=_begin, args=(work, arguments, said, dict(os.environ)))
    process.start()
    return process


def command(*words: object, said: Path) -> BaseProcess:
    """``radiologycnn`` with these words, begun by :func:`forked`."""
    return forked(run_command, *map(str, words), said=said)


def two_processes(work: Callable[..., None], *arguments: object, said: Path) -> tuple[int, str]:
    """``work(*arguments)`` in two processes by the agent of ``torchrun``; its exit code, and what all of them said."""
    process = forked(_as_torchrun, work, arguments, said=said)
    process.join(PATIENCE_S)
    if process.exitcode is None:
        process.kill()
    return process.exitcode, said.read_text(encoding="utf-8")


def run_command(*words: str) -> None:
    """The command line in this process."""
    from radiologycnn.cli import main

    sys.argv = ["radiologycnn", *words]
    main()


def _begin(work: Callable[..., None], arguments: tuple, said: Path, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    with said.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
            stream.reconfigure(encoding="utf-8", line_buffering=True)
    work(*arguments)


def _as_torchrun(work: Callable[..., None], arguments: tuple) -> None:
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id="test",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        start_method="fork" if _can_fork else "spawn",
    )
    elastic_launch(config, work)(*arguments)
