"""Which packages of the worker count as there: by version, half installed, or built into Slicer."""

import importlib
import importlib.metadata
import sys

import pytest
from packaging.requirements import Requirement

from radiologycnn.networks.installed import is_installed
from RadiologyCNNLib.WorkerRequirements import COMMON_REQUIREMENTS, isMet


def test_versions_that_are_too_old_are_missing(versions):
    versions["numpy"] = "1.20"
    assert not isMet(Requirement("numpy>=1.26"))
    versions["numpy"] = "2.0.0rc1"
    assert isMet(Requirement("numpy>=1.26"))


@pytest.mark.parametrize("name", ["torch", "openvino"])
@pytest.mark.parametrize("left", ["package", "metadata", "folder"])
def test_half_installed_package_is_missing(versions, monkeypatch, tmp_path, name, left):
    """Package without metadata, metadata without package, a folder alone: pip was ended, or a file was in use."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *(path for path in sys.path if "site-packages" not in path)])
    monkeypatch.delitem(sys.modules, name, raising=False)
    if left != "metadata":
        (tmp_path / name).mkdir()
    if left == "package":
        (tmp_path / name / "__init__.py").write_text("")
    versions[name] = None if left == "package" else "9999.0"
    importlib.invalidate_caches()
    assert not isMet(Requirement(f"{name}>=1"))
    assert is_installed(name) == (left == "package")


def test_versions_are_read_as_the_whole_metadata_say_them():
    for requirement in map(Requirement, COMMON_REQUIREMENTS):
        exact = Requirement(f"{requirement.name}=={importlib.metadata.version(requirement.name)}")
        assert isMet(exact)


def test_package_that_slicer_built_itself_counts_without_metadata(versions):
    versions["numpy"] = None
    assert isMet(Requirement("numpy>=1.26"))
