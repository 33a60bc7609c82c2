"""Sample scans: what their names promise is what is simulated, and the worker writes them."""

import dataclasses

import numpy as np
import pytest

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume
from radiologycnn.rotatorcuff.series import describe_series
from radiologycnn.simulation import samples
from radiologycnn.worker import simulation_jobs
from radiologycnn.worker.progress import JobProgress
from radiologycnn.worker.protocol import encode, parse_request

COARSE = {"matrix": 64, "coarse_mm": 4.0, "fine_mm": 4.0}


@pytest.mark.parametrize("sample", samples.SAMPLES, ids=lambda sample: sample.key)
def test_names_tell_what_is_in_the_scan(sample) -> None:
    volume, truth = samples.simulate_sample(sample, COARSE)
    if sample.population == "head-ct":
        assert volume.modality == "CT" and bool(truth["bleeds"]) == ("no bleed" not in sample.name)
        return
    assert (truth["tear_class"] > 0) == ("no tear" not in sample.name)
    by_name = describe_series(dataclasses.replace(volume, name=sample.name, provenance={}))
    by_header = describe_series(volume)
    assert by_name.side == by_header.side == truth["side"]
    assert by_name.plane == by_header.plane == "coronal"
    assert by_name.weighting == by_header.weighting
    assert by_name.fat_saturated == by_header.fat_saturated


def test_worker_writes_the_sample_where_it_was_asked_to(tmp_path, monkeypatch) -> None:
    sample = samples.SAMPLES[0]
    made = samples.simulate_sample(sample, COARSE)
    monkeypatch.setattr(samples, "simulate_sample", lambda asked: made if asked == sample else None)
    request = parse_request(
        encode({"cmd": "simulate", "job": "1", "sample": sample.key, "output": str(tmp_path / "scan.nrrd")})
    )
    progress = JobProgress(lambda *_: None, lambda: False)
    answer = simulation_jobs.simulate(None, request, progress, lambda: False)
    assert answer["modality"] == "CT" and answer["name"] == sample.name
    written = read_volume(tmp_path / "scan.nrrd")
    assert np.array_equal(written.array, made[0].array)
    np.testing.assert_allclose(written.ijk_to_lps, made[0].ijk_to_lps, atol=1e-9)
    with pytest.raises(InputError, match=sample.key):
        simulation_jobs.simulate(None, {**request, "sample": "nothing"}, progress, lambda: False)
