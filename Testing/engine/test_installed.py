"""What is installed, and what of it does not fit together."""

import sys
from types import SimpleNamespace

import pytest

from radiologycnn.errors import ResourceError
from radiologycnn.networks import installed


def test_a_torch_that_cannot_take_numpys_numbers_is_said_before_training_begins(monkeypatch):
    """Intel Macs: the last PyTorch for them, 2.2.2, was built for NumPy 1, and Slicer brings NumPy 2."""

    def from_numpy(array):
        raise RuntimeError("Numpy is not available")

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=from_numpy, __version__="2.2.2"))
    monkeypatch.setitem(sys.modules, "monai", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "monai.transforms", SimpleNamespace())
    monkeypatch.setattr(installed, "is_installed", lambda name: True)
    with pytest.raises(ResourceError, match=r"PyTorch 2\.2\.2 .* NumPy") as refused:
        installed.start_monai("transforms")
    assert "RadiologyCNN/WorkerPython" in refused.value.hint
