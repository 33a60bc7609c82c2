"""The variables that a worker's process starts with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from radiologycnn.worker.process_environment import worker_variables

_SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def _has_large_pages() -> bool:
    library, version = platform.libc_ver()
    recent = library == "glibc" and tuple(map(int, version.split(".")[:2])) >= (2, 35)
    return recent and _SWITCH.exists() and "[never]" not in _SWITCH.read_text()


def printed(program: str, folder: Path | None = None) -> str:
    """What a program prints that is started as a worker is, without the limits that the tests have set themselves."""
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment = {**inherited, **worker_variables()}
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=folder, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.skipif(not _has_large_pages(), reason="this system has no large pages to give")
def test_a_worker_gets_its_memory_in_large_pages():
    """Networks read and write hundreds of megabytes a run."""
    program = (
        "memory = bytearray(64_000_000); memory[:] = b'x' * 64_000_000\n"
        "lines = open('/proc/self/smaps_rollup').read().splitlines()\n"
        "print(next(line.split()[1] for line in lines if line.startswith('AnonHugePages')))"
    )
    assert int(printed(program)) > 30_000  # kB; memory that is fragmented may not give all


def test_products_in_a_worker_leave_the_cores_to_the_network():
    """Threads of numpy's products that wait at full speed for the next one take a core from the network."""
    program = (
        "import json, numpy, threadpoolctl\n"
        "print(json.dumps([pool['num_threads'] for pool in threadpoolctl.threadpool_info()]))"
    )
    threads = json.loads(printed(program))
    if not threads:
        pytest.skip("of this numpy's products nobody tells how many threads they have")
    assert set(threads) == {1}


@pytest.mark.skipif(sys.version_info < (3, 11), reason="older ones always look there")
def test_nothing_is_imported_from_the_working_folder(tmp_path):
    (tmp_path / "colorsys.py").write_text("raise ImportError")
    assert printed("import colorsys; print('its own')", tmp_path) == "its own\n"


@pytest.mark.parametrize(
    ("inherited", "expected"),
    [
        ("", "glibc.malloc.hugetlb=1"),
        ("glibc.malloc.check=3", "glibc.malloc.check=3:glibc.malloc.hugetlb=1"),
        ("glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0"),
    ],
)
def test_what_the_person_has_set_stays(inherited, expected):
    assert worker_variables(inherited)["GLIBC_TUNABLES"] == expected
