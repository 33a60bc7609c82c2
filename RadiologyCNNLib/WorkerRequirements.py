"""WorkerRequirements: the Python packages that the worker needs, and which of them are missing.

It asks package metadata only and imports none of the packages: torch never enters the Slicer process.
"""

import importlib
import importlib.metadata
import re

from packaging.requirements import Requirement

from radiologycnn.networks.installed import is_installed

TORCH_VERSION = ">=2.2"
OPENVINO_VERSION = ">=2025.0"
#: What the worker imports in any case. Slicer brings these; another extension may have broken one of them.
COMMON_REQUIREMENTS = ("numpy>=1.26", "scipy>=1.11", "pydicom>=3.0", "SimpleITK>=2.3", "requests>=2.31")
#: What runs the networks on the processor.
CPU_REQUIREMENTS = (f"openvino{OPENVINO_VERSION}", *COMMON_REQUIREMENTS)
#: What runs them on an NVIDIA GPU, and the little that OpenVINO cannot do.
TORCH_REQUIREMENTS = (f"torch{TORCH_VERSION}", "safetensors>=0.4", *COMMON_REQUIREMENTS)
#: What trains them.
TRAINING_REQUIREMENTS = (*TORCH_REQUIREMENTS, "monai>=1.3")
#: Of these, what goes by the torch that is there, and is installed after it.
AFTER_TORCH = ("monai",)

#: Packages that only pip brings, which writes their metadata last.
_FROM_PIP = ("torch", "openvino")


def unmet(requirements):
    """Those of the requirements (as pip writes them) that are not met."""
    importlib.invalidate_caches()  # pip has run in another process
    return [text for text in requirements if not isMet(Requirement(text))]


def isMet(requirement):
    """Whether a requirement is met, from the package's metadata alone.

    A package without metadata (Slicer builds some itself) counts where it can be found; a half-installed torch or
    OpenVINO has metadata but no module, or the other way round, and does not count.
    """
    isThere = is_installed(requirement.name)
    try:
        version = _version(importlib.metadata.distribution(requirement.name))
    except importlib.metadata.PackageNotFoundError:
        return isThere and requirement.name not in _FROM_PIP
    return bool(isThere and version and requirement.specifier.contains(version, prereleases=True))


def _version(distribution):
    """Its version, from the head of its metadata: parsing all of that, licences too, would keep a click waiting."""
    found = re.search(r"^Version:[ \t]*(\S+)", distribution.read_text("METADATA") or "", re.MULTILINE)
    return found.group(1) if found else distribution.version
