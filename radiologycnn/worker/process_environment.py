"""Variables that a worker's process is started with: what cannot be changed once it runs.

Light (standard library only): the process that starts the worker imports it.
"""

from __future__ import annotations

#: Has the C library of Linux ask for memory in pages of 2 MB. A network writes hundreds of megabytes a run, and each
#: page has to be found again: networks took 3 to 10 % less time with it. Elsewhere nobody reads the variable.
_TUNABLES, _LARGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb"
#: Has numpy's matrix products run on one thread. They are small here, and OpenBLAS' other threads wait for the next
#: one at full speed: a run of VRN that followed a product took 70 ms instead of 38 on two cores.
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
#: Keeps Python 3.11 and later from looking for modules in the working folder, where "-m" would look first.
_SAFE_PATH = "PYTHONSAFEPATH"


def worker_variables(inherited_tunables: str = "") -> dict[str, str]:
    """The variables, beside those that it inherits.

    Args:
        inherited_tunables: value of ``GLIBC_TUNABLES`` where the worker is started; what it says is kept.
    """
    tunables = [part for part in inherited_tunables.split(":") if part]
    if not any(part.startswith(f"{_LARGE_PAGES}=") for part in tunables):
        tunables.append(f"{_LARGE_PAGES}=1")
    return {
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUTF8": "1",
        _SAFE_PATH: "1",
        _BLAS_THREADS: "1",
        _TUNABLES: ":".join(tunables),
    }
