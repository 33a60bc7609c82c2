"""The folder of compiled networks: what is kept there and what is removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def read_only_files_stay(monkeypatch):
    """As on Windows: a file that may only be read cannot be removed; OpenVINO leaves such ones."""
    unlink, rmtree = Path.unlink, shutil.rmtree

    def removed(path, *rest, **options):
        for each in (path, *path.rglob("*")):
            if each.is_file() and not each.stat().st_mode & 0o200:
                raise PermissionError(13, "Access is denied", str(each))
        (rmtree if path.is_dir() else unlink)(path, *rest, **options)

    monkeypatch.setattr(Path, "unlink", removed)
    monkeypatch.setattr(shutil, "rmtree", removed)


def test_the_cache_forgets_old_versions_other_machines_and_what_is_too_much(
    tmp_path, monkeypatch, read_only_files_stay
):
    from radiologycnn.networks.openvino_cache import CACHE_VARIABLE, cache_folder, prune

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    day, now = 86400, 1_800_000_000
    present, older = (cache_folder(version, "CPU X") for version in ("2026.1.0-1", "2025.4.1-9"))
    elsewhere, forgotten = (cache_folder("2026.1.0-1", f"CPU {name}") for name in "YZ")
    assert len({present, older, elsewhere, forgotten}) == 4 and all(p.parent == tmp_path for p in (present, older))

    def blob(folder, name, size, days):
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(bytes(size))
        for path in (folder / name, folder, *folder.parents):
            os.utime(path, (now - days * day,) * 2)
        (folder / name).chmod(0o440)

    blob(older, "a.blob", 10, 8)
    blob(elsewhere, "a.blob", 10, 8)
    blob(forgotten, "a.blob", 10, 91)
    present.mkdir()
    for name, days in (("old", 5), ("new", 1), ("newest", 0)):
        blob(present / name, "1.blob", 40, days)
    removed = prune(present, largest_bytes=100, now=now)
    assert sorted(p.name for p in present.iterdir()) == ["new", "newest"]
    assert not older.exists() and not forgotten.exists() and elsewhere.exists()
    assert set(removed) == {older, forgotten, present / "old"}
    assert prune(present, largest_bytes=100, now=now) == []


def test_a_compiled_network_that_was_damaged_on_the_disk_is_compiled_anew(tmp_path, monkeypatch):
    """OpenVINO itself runs one whose weights are zeros, as a power cut leaves them, and says nothing."""
    pytest.importorskip("openvino")
    onnx = pytest.importorskip("onnx")
    from onnx import helper, numpy_helper

    from radiologycnn.networks.openvino_cache import CACHE_VARIABLE
    from radiologycnn.networks.openvino_runner import OpenVinoRunner

    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    shapes = {"image": [1, 1, 4, 8, 8], "features": [1, 16, 4, 8, 8]}
    image, features = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s) for n, s in shapes.items())
    weights = np.linspace(1, 2, 16 * 27, dtype=np.float32).reshape(16, 1, 3, 3, 3)
    kernel = numpy_helper.from_array(weights, "kernel")
    layer = helper.make_node("Conv", ["image", "kernel"], ["features"], pads=[1] * 6)
    graph = helper.make_graph([layer], "network", [image], [features], [kernel])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content = model.SerializeToString()

    def answer():
        run = OpenVinoRunner(content, "float32").run(np.ones(shapes["image"]), lambda share: None)
        return run["features"]

    expected = answer()
    (blob,) = tmp_path.rglob("*.blob")
    assert expected.min() > 0
    as_written = blob.read_bytes()
    assert np.array_equal(answer(), expected)
    zeros = as_written.replace(weights.tobytes(), bytes(weights.nbytes))
    for damaged in (zeros, b""):
        assert damaged != as_written
        blob.chmod(0o600)
        blob.write_bytes(damaged)
        assert np.array_equal(answer(), expected)
        assert blob.read_bytes() == as_written
