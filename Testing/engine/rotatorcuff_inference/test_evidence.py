"""Where the network looked: maps in the right place, on every side and in every way of computing them."""

from dataclasses import replace

import numpy as np
import pytest
from engine.hand_made_shoulder import (
    PARAMETERS,
    PREPROCESSING,
    block_scan,
    brightness_network,
    make_package,
    random_package,
)

from radiologycnn.errors import InputError
from radiologycnn.networks.activation import ActivationMap
from radiologycnn.networks.cam import activation_maps
from radiologycnn.networks.devices import to_tensor
from radiologycnn.networks.feature_grid import feature_grid_ijk_to_lps
from radiologycnn.rotatorcuff.evidence import locate_evidence, right_handed
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.tear_classes import TARGETS

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def in_voxels(matrix, lps):
    return np.linalg.solve(matrix, [*lps, 1.0])[:3]


def counted(forward, runs):
    def run(features):
        runs.append(features.shape)
        return forward(features)

    return run


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("side", ["left", "right"])
def test_every_map_peaks_on_a_bright_block_wherever_it_is(sees_light, side, seed):
    generator = np.random.default_rng(seed)
    volume, block, middle = block_scan(generator, side)
    edge_mm = float(generator.uniform(70, 110))
    result = sees_light.classify(volume, roi={"centre_lps_mm": middle.tolist(), "edge_mm": edge_mm})
    answer = result.classification
    assert (answer.side, answer.mirrored) == (side, side == "left")
    assert answer.predicted == 3
    assert np.linalg.det(result.maps_ijk_to_lps[:3, :3]) > 0
    assert result.maps.shape == (2, 6, 16, 16, 16) and result.maps.dtype == np.float32
    cam_voxel_mm = edge_mm / 16
    where = in_voxels(result.maps_ijk_to_lps, block)
    for number, target in enumerate(TARGETS):
        for method, maps in zip(result.methods, result.maps):
            evidence = answer.evidence_for(target, method)
            if target == 0:  # light speaks against "none"
                assert evidence.peak_ras_mm is None and evidence.extent_mm == (0, 0, 0)
                continue
            peak = np.unravel_index(maps[number].argmax(), maps[number].shape)
            assert np.abs(np.array(peak[::-1]) - where).max() <= 1.0
            peak_lps = LPS_TO_RAS @ evidence.peak_ras_mm
            found = in_voxels(result.maps_ijk_to_lps, peak_lps)
            assert np.abs(found - peak[::-1]).max() < 1 and np.abs(found - where).max() <= 1.0
            assert evidence.peak_value == pytest.approx(float(maps[number].max()))
            # The block and what the network smears it over, not the whole cube.
            assert all(9 <= size <= 9 + 3 * cam_voxel_mm for size in evidence.extent_mm)
            assert 0.3 < evidence.volume_ml < np.prod(evidence.extent_mm) / 1000


def test_a_network_that_folds_finer_pixels_looks_at_the_same_place(sees_light, tmp_path):
    parameters = {**PARAMETERS, "pixel_unshuffle": 2}
    fine = make_package(
        tmp_path / "fine",
        brightness_network(**parameters),
        architecture={"name": "vrn", "parameters": parameters},
        preprocessing=replace(PREPROCESSING, in_plane_factor=2).to_dict(),
    )
    volume, block, middle = block_scan(np.random.default_rng(7), "left")
    roi = {"centre_lps_mm": middle.tolist()}
    coarse = sees_light.classify(volume, roi=roi)
    result = RotatorCuffClassifier(fine, "cpu").classify(volume, roi=roi)
    assert np.allclose(result.maps_ijk_to_lps, coarse.maps_ijk_to_lps)
    assert result.maps.shape == coarse.maps.shape
    assert np.abs(result.maps - coarse.maps).max() < 0.05 * np.abs(coarse.maps).max()
    for target in (3, "tear_versus_none"):
        ours, theirs = (one.classification.evidence_for(target) for one in (result, coarse))
        assert np.linalg.norm(np.subtract(ours.peak_ras_mm, theirs.peak_ras_mm)) < 0.5
        assert ours.extent_mm == pytest.approx(theirs.extent_mm, abs=2.6)
        assert np.linalg.norm(LPS_TO_RAS @ ours.peak_ras_mm - block) < 5


def test_pixels_that_the_network_does_not_fold_are_refused(tmp_path):
    package = make_package(tmp_path / "odd", preprocessing=replace(PREPROCESSING, in_plane_factor=2).to_dict())
    with pytest.raises(InputError, match="pixel_unshuffle"):
        RotatorCuffClassifier(package, "cpu")


def test_a_left_shoulder_gives_what_its_mirror_image_gives(sees_light):
    """The same voxels on a grid mirrored about the sagittal plane are the other shoulder."""
    volume, _, middle = block_scan(np.random.default_rng(5), "right")
    mirrored = replace(
        volume,
        ijk_to_lps=np.diag([-1.0, 1, 1, 1]) @ volume.ijk_to_lps,
        provenance={"acquisition": {"ImageLaterality": "L"}},
    )
    right = sees_light.classify(volume, roi={"centre_lps_mm": middle.tolist()})
    left = sees_light.classify(mirrored, roi={"centre_lps_mm": (middle * [-1, 1, 1]).tolist()})
    assert left.classification.mirrored and not right.classification.mirrored
    assert left.classification.probabilities == pytest.approx(right.classification.probabilities, abs=1e-5)
    one, other = (result.classification.evidence_for(3) for result in (right, left))
    assert other.peak_ras_mm == pytest.approx(np.array(one.peak_ras_mm) * [-1, 1, 1], abs=1e-6)
    assert other.extent_mm == pytest.approx(one.extent_mm, abs=1e-6)
    # A mirrored grid cannot be right-handed, so the maps are those of the other shoulder with i reversed.
    assert np.allclose(left.maps, right.maps[..., ::-1], atol=1e-3)


def test_methods_and_targets_agree_with_each_other(classifier, volume):
    result = classifier.classify(volume)
    answer = result.classification
    assert result.methods == ("cam", "grad_cam") and result.targets == TARGETS
    # On the last features of a linear head the raw Grad-CAM is the raw class activation map.
    assert np.allclose(result.maps[0], result.maps[1], atol=1e-4 * np.abs(result.maps).max())
    assert sum(answer.probabilities) == pytest.approx(1)
    assert answer.predicted == int(np.argmax(answer.probabilities))
    assert answer.tear_probability == pytest.approx(1 - answer.probabilities[0])
    logits = np.array([answer.evidence_for(target).score for target in range(5)])
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert answer.probabilities == pytest.approx(shares.tolist(), abs=1e-6)
    odds = answer.tear_probability / answer.probabilities[0]
    assert answer.evidence_for("tear_versus_none").score == pytest.approx(np.log(odds), abs=1e-4)
    prepared = classifier.preprocessing.prepare(volume, answer.roi, answer.side)
    direct = activation_maps(classifier.backend.network, to_tensor(prepared.array[None, None]), (2,)).maps[0]
    assert np.array_equal(result.maps[0, 2], direct.raw)


def test_the_network_runs_once_for_all_maps(classifier, volume, monkeypatch):
    network = classifier.backend.network
    runs = []
    monkeypatch.setattr(network.blocks[-1], "forward", counted(network.blocks[-1].forward, runs))
    classifier.classify(volume)
    # Once on a small image to weigh the layers for the progress, once on the cube.
    assert sum(shape[-1] == max(s[-1] for s in runs) for shape in runs) == 1


def test_extents_are_finer_than_the_map():
    """A straight edge between two map voxels is found where it is, not at the next voxel."""
    raw = np.zeros((16, 16, 16), np.float32)
    raw[4:9, 6:8, 5] = 1.0
    raw[12, 12, 12] = 0.9  # another place, which does not hang together with the peak
    turned = np.eye(4)
    turned[:3, :3] = [[0, 0, 1.5], [1.25, 0, 0], [0, -1.0, 0]]
    (evidence,) = locate_evidence([ActivationMap(3, 3, "cam", None, raw, 1.0, 0.0)], turned, (64, 64, 64))
    # Half of the peak is reached half a map voxel (2 of the image's) beyond the outermost centres.
    assert evidence.extent_mm == pytest.approx(((16 + 4 + 1) * 1.5, (4 + 1) * 1.25, (4 + 4 + 1) * 1.0))
    # Less than the box: its corners are farther from the centres than its faces.
    assert 0.5 < evidence.volume_ml / (np.prod(evidence.extent_mm) / 1000) < 1
    assert evidence.threshold == 0.5


def test_a_mirrored_grid_becomes_right_handed_without_moving_anything():
    matrix = np.diag([-2.0, 1, 3, 1])
    matrix[:3, 3] = (40, -5, 7)
    maps = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    turned, new_matrix = right_handed(maps, matrix)
    assert np.linalg.det(new_matrix[:3, :3]) > 0
    assert np.array_equal(turned[..., 0, 0, 5], maps[..., 0, 0, 0])
    assert np.allclose(new_matrix @ [5, 0, 0, 1], matrix @ [0, 0, 0, 1])
    assert right_handed(maps, np.eye(4))[0] is maps


def test_a_head_with_a_hidden_layer_is_shown_by_grad_cam_alone(volume, tmp_path):
    package = random_package(tmp_path / "hidden", parameters={"hidden_features": 8})
    result = RotatorCuffClassifier(package, "cpu").classify(volume)
    assert result.methods == ("grad_cam",) and result.maps.shape[:2] == (1, 6)
    assert {one.method for one in result.classification.evidence} == {"grad_cam"}


def test_an_earlier_block_gives_a_finer_map(classifier, volume):
    result = classifier.classify(volume, block=1)
    assert result.methods == ("grad_cam",) and result.maps.shape == (1, 6, 16, 16, 16)
    prepared = classifier.preprocessing.prepare(volume, result.classification.roi, result.classification.side)
    grid = feature_grid_ijk_to_lps(prepared.ijk_to_lps, (32, 32, 32), (16, 16, 16))
    assert np.allclose(result.maps_ijk_to_lps, grid)
    with pytest.raises(InputError, match="no block 7"):
        classifier.classify(volume, block=7)
