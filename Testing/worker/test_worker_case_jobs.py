"""The worker gets the next case of an annotator ready: scan, its plain copy, and what the network says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def test_prepared_case_is_the_scan_and_what_segment_says_of_it(worker, head_volume, tmp_path: Path) -> None:
    from radiologycnn.images import read_volume, write_image

    array, matrix = np.load(head_volume["array"]), np.asarray(head_volume["ijk_to_lps"], float)
    write_image(tmp_path / "scan.nii.gz", array, matrix)
    asked = {"model": "tiny-1.0.0", "device": "cpu", "output": str(tmp_path)}
    plain = tmp_path / "case.nii"
    worker.send(
        cmd="prepare_case", job="p", path=str(tmp_path / "scan.nii.gz"), image=str(plain), segment=True, **asked
    )
    prepared = worker.wait_for("result", "p")
    assert np.array_equal(np.load(prepared["volume"]["array"]), array) and prepared["notes"] == []
    assert np.allclose(prepared["volume"]["ijk_to_lps"], matrix, atol=1e-4)
    assert np.array_equal(read_volume(plain).array, array)
    worker.send(cmd="segment", job="s", volume=prepared["volume"], threshold=None, **asked)
    segmented = worker.wait_for("result", "s")
    for name in ("measurements", "offset_kji", "shape_kji", "threshold", "model"):
        assert prepared["segmentation"][name] == segmented[name]
    assert np.array_equal(np.load(prepared["segmentation"]["probability"]), np.load(segmented["probability"]))


def test_scan_that_the_network_refuses_is_prepared_without_it(worker, tmp_path: Path) -> None:
    from radiologycnn.images import write_image

    noise = np.random.default_rng(1).normal(400, 100, (6, 16, 16)).astype(np.float32)
    write_image(tmp_path / "scan.nii", noise, np.diag([2.0, 2.0, 5.0, 1.0]))
    worker.send(
        cmd="prepare_case", job="p", path=str(tmp_path / "scan.nii"), segment=True, model="no-such-model",
        output=str(tmp_path),
    )  # fmt: skip
    prepared = worker.wait_for("result", "p")
    assert prepared["segmentation"] is None
    assert np.load(prepared["volume"]["array"]).shape == noise.shape
