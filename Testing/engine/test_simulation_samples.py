"""Sample scans: what their names promise is what is simulated, and the worker writes them."""

import dataclasses

import numpy as np
import pytest
import SimpleITK as sitk

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.series import describe_series
from radiologycnn.simulation import sample_thumbnails, samples
from radiologycnn.simulation.population import shrunk
from radiologycnn.simulation.sample_thumbnails import thumbnail
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


def test_scan_of_another_simulator_is_another_file() -> None:
    from radiologycnn.simulation.head_ct.simulate import SIMULATOR_VERSION as HEAD_CT
    from radiologycnn.simulation.shoulder_mr import simulate as shoulder_mr

    assert samples.VERSIONS == {"head-ct": HEAD_CT, "shoulder-mr": shoulder_mr.SIMULATOR_VERSION}
    assert len({sample.file_stem for sample in samples.SAMPLES}) == len(samples.SAMPLES)


def test_thumbnail_is_the_lesions_slice_in_the_brain_window() -> None:
    array = np.zeros((5, 256, 256), np.int16)
    array[3] = 60
    array[3, :128] = 20
    labels = np.zeros(array.shape, np.uint8)
    labels[3, 100:120, 100:120] = 1
    volume = Volume(array, np.diag([0.9, 0.9, 5.0, 1.0]), "CT")
    picture = thumbnail(volume, labels)
    assert picture.shape == (128, 128) and picture.dtype == np.uint8
    assert set(np.unique(picture[:64])) == {64} and set(np.unique(picture[64:])) == {191}
    assert not thumbnail(volume).any()  # without a lesion a slice of the middle
    odd = Volume(np.full((3, 200, 300), 40, np.int16), np.eye(4), "CT")
    assert set(np.unique(thumbnail(odd))) == {128}


def test_small_pictures_hold_the_mean_of_the_large_one_and_repeat_what_is_smaller() -> None:
    large = np.random.default_rng(0).normal(40, 10, (200, 300))
    small = shrunk(large, 100)
    np.testing.assert_allclose(small, large.reshape(100, 2, 100, 3).mean(axis=(1, 3)), rtol=1e-5)
    assert np.array_equal(shrunk(np.array([[1, 2], [3, 4]]), 4)[::2, ::2], [[1, 2], [3, 4]])


def test_thumbnails_are_written_for_each_module_from_the_samples(tmp_path, monkeypatch) -> None:
    scans = {sample.key: samples.simulate_sample_scan(sample, COARSE) for sample in samples.SAMPLES}
    monkeypatch.setattr(sample_thumbnails, "simulate_sample_scan", lambda sample: scans[sample.key])
    monkeypatch.setattr(sample_thumbnails, "SIZE", 32)
    files = sample_thumbnails.write_thumbnails(tmp_path)
    assert [file.relative_to(tmp_path).parts[0] for file in files] == ["HemorrhageSeg"] * 2 + ["RotatorCuffCNN"] * 2
    for file in files:
        assert sitk.GetArrayFromImage(sitk.ReadImage(str(file))).std() > 10
