"""A scan goes in, a true volume comes out; and what happens when it cannot, or when the person changes their mind."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.hand_made import GRID_IJK, head_phantom, make_package
from engine.told_progress import told_by

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.hemorrhage.inference import HemorrhageSegmenter
from radiologycnn.hemorrhage.thresholding import mask_from_probability
from radiologycnn.networks.devices import to_array, to_tensor


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("model") / "hand-made-1.0.0")


@pytest.fixture(scope="module")
def segmenter(package):
    return HemorrhageSegmenter(package, device="cpu")


def test_a_known_bleed_is_found_in_place_size_and_side(segmenter):
    volume, truth = head_phantom()
    result = segmenter.segment(volume)
    assert result.probability.shape == volume.array.shape == result.mask.shape
    assert (result.probability.dtype, result.mask.dtype) == (np.float32, np.uint8)
    assert 0 <= result.probability.min() and result.probability.max() <= 1
    bleed = result.measurements.lesions[0]
    assert bleed.volume_ml == pytest.approx(truth.sum() * volume.voxel_volume_mm3 / 1000, rel=0.03)
    assert bleed.centroid_ras_mm == pytest.approx((-30, 0, 10), abs=0.7)
    assert bleed.side == "left"
    assert bleed.mean_hu == pytest.approx(70, abs=2)
    assert bleed.max_diameter_mm == pytest.approx(40, abs=4.2)  # one and a half slices


@pytest.mark.parametrize(
    "steps",
    [
        np.diag([-1.4, -1.6, 2.8]),
        np.diag([1.4, 1.6, -2.8]),
        np.array([[1.4, 0, 0], [0, 1.6, 0.6], [0, 0, 2.8]]),
    ],
    ids=["RAS", "upside down", "sheared"],
)
def test_how_the_scan_is_stored_does_not_change_the_answer(segmenter, steps):
    volume, truth = head_phantom(steps=steps)
    bleed = segmenter.segment(volume).measurements.lesions[0]
    assert bleed.volume_ml == pytest.approx(truth.sum() * volume.voxel_volume_mm3 / 1000, rel=0.04)
    assert bleed.centroid_ras_mm == pytest.approx((-30, 0, 10), abs=0.8)
    assert bleed.side == "left"


def test_the_answer_is_the_same_to_the_last_digit_each_time(segmenter, package):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    first, second = segmenter.segment(volume), HemorrhageSegmenter(package, "cpu").segment(volume)
    assert np.array_equal(first.probability, second.probability)
    assert first.measurements == second.measurements


@pytest.mark.parametrize("sheared", [False, True], ids=["straight", "sheared"])
def test_a_scan_that_was_prepared_gives_the_same_and_is_not_looked_at_again(segmenter, sheared, monkeypatch):
    steps = np.array([[2.3, 0, 0], [0, 2.6, 0.9 * sheared], [0, 0, 4.5]])
    volume, _ = head_phantom((40, 96, 96), steps)
    plain, prepared = segmenter.segment(volume), segmenter.prepare(volume)
    assert not np.asarray(prepared.network_input.volume.array).any()  # the voxels are not held
    monkeypatch.setattr("radiologycnn.hemorrhage.inference.find_skull", None)
    after = segmenter.segment(volume, prepared=prepared)
    assert np.array_equal(after.probability, plain.probability) and np.array_equal(after.mask, plain.mask)
    assert (after.measurements, after.notes) == (plain.measurements, plain.notes)
    assert next(iter(after.provenance["seconds"])) == "Running the network"


def test_preparing_refuses_what_segmenting_refuses_and_can_be_cancelled(segmenter):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    with pytest.raises(InputError, match="modality is MR"):
        segmenter.prepare(replace(volume, modality="MR"))
    with pytest.raises(Cancelled):
        segmenter.prepare(volume, cancelled=lambda: True)


def test_threshold_is_the_models_unless_given(segmenter):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    usual, high = segmenter.segment(volume), segmenter.segment(volume, threshold=0.9)
    assert (usual.threshold, high.threshold) == (0.5, 0.9)
    assert np.array_equal(high.mask, usual.probability >= 0.9)
    assert 0 < high.measurements.total_volume_ml < usual.measurements.total_volume_ml
    for wrong in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="threshold"):
            segmenter.segment(volume, threshold=wrong)


def test_progress_rises_through_named_stages_and_provenance_is_complete(segmenter, package):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    result, told = told_by(lambda progress: segmenter.segment(volume, progress=progress))
    stages = list(dict.fromkeys(told))
    assert stages == [
        "Checking the scan",
        "Preparing the scan",
        "Running the network",
        "Mapping the result onto the scan",
        "Measuring",
    ]
    assert told.count("Running the network") > 5
    record = json.loads(json.dumps(result.provenance))
    assert list(record["seconds"]) == stages
    assert (record["model"], record["model_sha256"]) == (package.id, package.weights_sha256)
    assert (record["device"], record["precision"], record["torch"]) == ("cpu", "float32", torch.__version__)
    assert record["preprocessing"]["order"] == "resample_then_clamp"


def test_a_model_trained_on_simulated_scans_says_so_in_every_result(segmenter, package, tmp_path):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    assert any("Not for patients" in note for note in segmenter.segment(volume).notes)
    real = make_package(tmp_path / "real", simulated=False)
    assert HemorrhageSegmenter(real, "cpu").segment(volume).notes == ()


@pytest.mark.parametrize("at_stage", ["Checking the scan", "Running the network", "Measuring"])
def test_cancelling_stops_between_stages_and_within_the_network(segmenter, at_stage):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    seen = []
    with pytest.raises(Cancelled):
        segmenter.segment(
            volume,
            progress=lambda fraction, stage: seen.append(stage),
            cancelled=lambda: seen.count(at_stage) >= (2 if at_stage == "Running the network" else 1),
        )
    assert seen[-1] == at_stage
    # The segmenter can be used again.
    assert segmenter.segment(volume).measurements.lesions


def test_the_scan_is_checked_first(segmenter):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    broken = volume.array.astype(np.float32)
    broken[3, 3, 3] = np.nan
    with pytest.raises(InputError, match="NaN"):
        segmenter.segment(replace(volume, array=broken))
    with pytest.raises(InputError, match="modality"):
        segmenter.segment(replace(volume, modality="MR"))


def failing_network(segmenter, monkeypatch, times: int, error: Exception):
    """Lets the network end in an error so many times, then work."""
    network = segmenter.backend.network
    forward, left = network.forward, [times]

    def fail(image):
        if image.shape[-1] == GRID_IJK[0] and left[0]:
            left[0] -= 1
            raise error
        return forward(image)

    monkeypatch.setattr(network, "forward", fail)


def test_out_of_memory_takes_a_smaller_way_and_says_so(segmenter, monkeypatch):
    volume, truth = head_phantom()
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")
    failing_network(segmenter, monkeypatch, 1, error)
    logged, stages = [], []
    result = segmenter.segment(volume, progress=lambda f, stage: stages.append(stage), log=logged.append)
    assert result.provenance["precision"] == "bfloat16"
    assert len(logged) == 1 and logged[0] in result.notes
    assert "bfloat16" in logged[0]
    assert any("Not enough memory" in stage for stage in stages)
    assert result.measurements.lesions[0].volume_ml == pytest.approx(
        truth.sum() * volume.voxel_volume_mm3 / 1000, rel=0.05
    )


def test_no_memory_at_all_is_a_sentence_for_the_person(segmenter, monkeypatch):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    failing_network(segmenter, monkeypatch, 9, MemoryError())
    with pytest.raises(ResourceError, match="not enough memory") as failure:
        segmenter.segment(volume)
    assert failure.value.hint


def test_another_error_of_the_network_is_not_taken_for_lack_of_memory(segmenter, monkeypatch):
    volume, _ = head_phantom((40, 96, 96), np.diag([2.3, 2.6, 4.5]))
    failing_network(segmenter, monkeypatch, 9, RuntimeError("expected scalar type Half"))
    with pytest.raises(RuntimeError, match="scalar type"):
        segmenter.segment(volume)


def test_what_cannot_run_is_refused_with_the_reason(package, tmp_path):
    with pytest.raises(InputError, match="no device cuda:77"):
        HemorrhageSegmenter(package, device="cuda:77")
    with pytest.raises(InputError, match="unknown"):
        HemorrhageSegmenter(package, device="abacus")
    with pytest.raises(InputError, match="precision"):
        HemorrhageSegmenter(package, precision="int4")
    shoulder = make_package(tmp_path / "shoulder", task="rotator-cuff-classification")
    with pytest.raises(InputError, match="not for hemorrhage-segmentation"):
        HemorrhageSegmenter(shoulder)
    two = [*package.labels, {**package.labels[0], "value": 2, "name": "Other"}]
    with pytest.raises(InputError, match="1 outputs but names 2 labels"):
        HemorrhageSegmenter(make_package(tmp_path / "two", labels=two))


def test_arrays_cross_to_torch_and_back_without_numpys_help_too():
    array = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)[:, ::2]
    for bridge in (True, False):
        assert np.array_equal(to_array(to_tensor(array, bridge), bridge), array)


def test_of_several_labels_the_most_probable_one_counts():
    probability = np.array([[0.6, 0.4, 0.2], [0.7, 0.3, 0.9]], np.float32).reshape(2, 1, 1, 3)
    assert mask_from_probability(probability, 0.5).ravel().tolist() == [2, 0, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_cpus_answer(package):
    volume, _ = head_phantom()
    cpu, cuda = (HemorrhageSegmenter(package, device).segment(volume) for device in ("cpu", "cuda"))
    assert cuda.provenance["device"] == "cuda:0"
    assert cuda.measurements.total_volume_ml == pytest.approx(cpu.measurements.total_volume_ml, rel=0.01)
