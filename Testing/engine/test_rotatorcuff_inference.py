"""A shoulder goes in; class, evidence in the right place and honest notes come out; and what happens when it cannot."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.hand_made_shoulder import PREPROCESSING, block_scan, make_package, plain_scan, random_package
from engine.told_progress import told_by

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.networks.activation import ActivationMap
from radiologycnn.networks.cam import activation_maps
from radiologycnn.networks.devices import to_tensor
from radiologycnn.networks.feature_grid import feature_grid_ijk_to_lps
from radiologycnn.rotatorcuff.evidence import locate_evidence, right_handed
from radiologycnn.rotatorcuff.inference import RotatorCuffClassifier
from radiologycnn.rotatorcuff.repeats import changed_copy
from radiologycnn.rotatorcuff.results import Classification
from radiologycnn.rotatorcuff.tear_classes import FROM_PAPER_CODES, TARGETS, TEAR_CLASSES

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def sees_light(tmp_path_factory):
    return RotatorCuffClassifier(make_package(tmp_path_factory.mktemp("models") / "light"), "cpu")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return random_package(tmp_path_factory.mktemp("models") / "random")


@pytest.fixture(scope="module")
def classifier(package):
    return RotatorCuffClassifier(package, "cpu")


@pytest.fixture(scope="module")
def volume():
    return plain_scan()


def middle_of(volume):
    return (volume.ijk_to_lps @ [*((np.array(volume.array.shape[::-1]) - 1) / 2), 1])[:3].tolist()


def in_voxels(matrix, lps):
    return np.linalg.solve(matrix, [*lps, 1.0])[:3]


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


def counted(forward, runs):
    def run(features):
        runs.append(features.shape)
        return forward(features)

    return run


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


def test_progress_rises_through_named_stages_and_the_record_is_complete(classifier, package, volume):
    result, told = told_by(lambda progress: classifier.classify(volume, progress=progress))
    stages = list(dict.fromkeys(told))
    assert stages == [
        "Checking the scan",
        "Finding the humeral head",
        "Preparing the cube",
        "Running the network",
        "Locating the evidence",
    ]
    record = json.loads(json.dumps(result.provenance))
    assert list(record["seconds"]) == stages
    assert (record["model"], record["model_sha256"]) == (package.id, package.weights_sha256)
    assert record["preprocessing"]["grid_size"] == 32
    assert record["series"]["plane"] == "coronal"
    assert "path" not in result.model_card and json.dumps(dict(result.model_card))
    answer = result.classification
    assert Classification.from_dict(json.loads(json.dumps(answer.to_dict()))) == answer
    assert [one["name"] for one in result.classes] == [one.name for one in TEAR_CLASSES]


def test_the_answer_is_the_same_to_the_last_digit_each_time(classifier, package, volume):
    first = classifier.classify(volume, repeats={"method": "mc_dropout", "count": 3})
    second = RotatorCuffClassifier(package, "cpu").classify(volume, repeats={"method": "mc_dropout", "count": 3})
    assert first.classification == second.classification
    assert np.array_equal(first.maps, second.maps)


@pytest.mark.parametrize("given", [False, True], ids=["as the scan says", "as the person says"])
def test_a_scan_that_was_prepared_gives_the_same_and_is_not_looked_at_again(classifier, volume, monkeypatch, given):
    where = {"roi": {"centre_lps_mm": middle_of(volume), "edge_mm": 75.0}, "side": "left"} if given else {}
    plain, prepared = classifier.classify(volume, **where), classifier.prepare(volume, **where)
    monkeypatch.setattr("radiologycnn.rotatorcuff.prepared_cuff.check_scan", None)
    after = classifier.classify(volume, **where, prepared=prepared)
    assert (after.classification, after.notes) == (plain.classification, plain.notes)
    assert np.array_equal(after.maps, plain.maps) and np.array_equal(after.maps_ijk_to_lps, plain.maps_ijk_to_lps)
    assert list(after.provenance["seconds"]) == ["Running the network", "Locating the evidence"]


@pytest.mark.parametrize("method", ["mc_dropout", "tta"])
def test_repeats_give_median_and_quartiles_of_runs_that_differ(classifier, volume, method):
    plain = classifier.classify(volume).classification
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    answer = classifier.classify(volume, repeats={"method": method, "count": 7}).classification
    assert torch.equal(torch.random.get_rng_state(), before)  # whoever draws next is not disturbed
    assert answer.probabilities == plain.probabilities and answer.evidence == plain.evidence
    repeats = answer.repeats
    assert (repeats.method, repeats.count) == (method, 7) and sum(repeats.predicted_counts) == 7
    for low, median, high in (*repeats.class_quartiles, repeats.tear_quartiles):
        assert 0 <= low <= median <= high <= 1
    assert any(low < high for low, _, high in repeats.class_quartiles)
    other = classifier.classify(volume, repeats={"method": method, "count": 7, "seed": 1}).classification
    assert other.repeats != repeats


def test_a_changed_copy_is_moved_by_a_few_millimetres_at_most_and_never_reflected():
    image = np.zeros((24, 32, 40), np.float32)
    image[8, 20, 30] = 1.0
    draws = np.random.default_rng(1)
    places = []
    for _ in range(12):
        moved = changed_copy(image, 2.0, draws).astype(np.float64)
        weights = moved - moved.min()
        weights[weights < 0.05 * weights.max()] = 0
        places.append([float((weights * axis).sum() / weights.sum()) for axis in np.indices(weights.shape)])
    moves_mm = (np.array(places) - [8, 20, 30]) * 2.0
    # 2.5 mm along each axis, and what turns of 5 degrees about the middle add so far from it.
    farthest_mm = 2.5 + np.radians(5) * np.linalg.norm([3.5, 4.5, 10.5]) * 2.0 * np.sqrt(2)
    assert np.abs(moves_mm).max() < farthest_mm + 0.5
    assert (moves_mm.std(axis=0) > 0.4).all()


def test_several_models_are_asked_each_in_its_own_way(package, volume, tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(tmp_path))
    mine = RotatorCuffClassifier(package, "cpu")
    monkeypatch.setattr("radiologycnn.models.catalog.bundled_models_folder", lambda: tmp_path / "none")
    with pytest.raises(InputError, match="at least two"):
        mine.classify(volume, repeats={"method": "models", "count": 60})
    larger = PREPROCESSING.to_dict() | {"grid_size": 48, "edge": 100.0}
    others = [
        random_package(tmp_path / "a", 1, name="a"),
        random_package(tmp_path / "b", 2, name="b", preprocessing=larger),
    ]
    result = mine.classify(volume, repeats={"method": "models", "count": 60})
    assert result.classification.repeats.count == 3
    assert result.provenance["repeats"]["models"] == [package.id, "a-1.0.0", "b-1.0.0"]
    alone = [RotatorCuffClassifier(one, "cpu").classify(volume).classification for one in (package, *others)]
    medians = [median for _, median, _ in result.classification.repeats.class_quartiles]
    assert medians == pytest.approx(np.median([one.probabilities for one in alone], axis=0).tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("repeats", "words"),
    [
        ({"method": "guess", "count": 5}, "no way 'guess'"),
        ({"method": "tta", "count": 1}, "1 repeats"),
        ({"method": "tta", "count": True}, "repeats"),
        ({"method": "tta", "count": 5, "often": 1}, "often"),
        ({"count": 5}, "no way None"),
    ],
)
def test_repeats_that_cannot_be_are_refused(classifier, volume, repeats, words):
    with pytest.raises(InputError, match=words) as failure:
        classifier.classify(volume, repeats=repeats)
    assert failure.value.code == "bad-repeats"


def test_dropout_that_is_not_there_cannot_be_drawn(volume, tmp_path):
    package = random_package(tmp_path / "off", parameters={"dropout": "off"})
    with pytest.raises(InputError, match="no dropout") as failure:
        RotatorCuffClassifier(package, "cpu").classify(volume, repeats={"method": "mc_dropout", "count": 2})
    assert failure.value.hint


@pytest.mark.parametrize(
    ("at_stage", "repeats"), [("Checking the scan", 0), ("Running the network", 0), ("Repeating", 50)]
)
def test_cancelling_stops_between_stages_layers_and_repeats(classifier, volume, at_stage, repeats):
    seen = []
    with pytest.raises(Cancelled):
        classifier.classify(
            volume,
            repeats={"method": "tta", "count": repeats} if repeats else None,
            progress=lambda fraction, stage: seen.append(stage),
            cancelled=lambda: seen.count(at_stage) >= (1 if at_stage == "Checking the scan" else 3),
        )
    assert seen[-1] == at_stage
    assert classifier.classify(volume).classification.probabilities


def test_the_region_is_the_persons_where_one_is_given(classifier, volume):
    centre = middle_of(volume)
    given = classifier.classify(volume, roi={"centre_lps_mm": centre, "edge_mm": 90}).classification.roi
    assert (given.automatic, given.edge_mm) == (False, 90) and given.centre_lps_mm == pytest.approx(tuple(centre))
    found = classifier.classify(volume).classification.roi
    assert found.automatic and found.edge_mm == 80
    assert np.linalg.norm(np.subtract(found.centre_lps_mm, centre)) < 8
    for roi, words in (
        ({"centre_lps_mm": [900, 0, 0]}, "outside the image"),
        ({"centre_lps_mm": centre, "edge_mm": -3}, "cannot be used"),
        ({"centre_lps_mm": [1, 2]}, "three numbers"),
        ({"center": centre}, "unknown fields"),
    ):
        with pytest.raises(InputError, match=words):
            classifier.classify(volume, roi=roi)


def test_the_side_is_the_persons_where_one_is_given(classifier, volume):
    left = classifier.classify(volume, side="left").classification
    assert (left.side, left.mirrored) == ("left", True)
    with pytest.raises(InputError, match="left or right"):
        classifier.classify(volume, side="both")


def test_what_the_person_must_know_is_in_the_notes(classifier, volume, tmp_path):
    notes = classifier.classify(volume).notes
    assert any("Not for patients" in note for note in notes)
    middle = volume.ijk_to_lps @ [*((np.array(volume.array.shape[::-1]) - 1) / 2), 1]
    centred = volume.ijk_to_lps.copy()
    centred[:3, 3] -= middle[:3]
    noise = np.random.default_rng(0).normal(100, 30, volume.array.shape).astype(np.float32)
    unknown = classifier.classify(replace(volume, array=noise, ijk_to_lps=centred, provenance={}))
    assert unknown.classification.side == "unknown" and not unknown.classification.mirrored
    assert not unknown.provenance["humeral_head_found"]
    text = " ".join(unknown.notes)
    assert "not mirrored" in text and "humeral head was not found" in text
    # A side that the person gives is no longer in doubt.
    given = " ".join(classifier.classify(replace(volume, ijk_to_lps=centred, provenance={}), side="right").notes)
    assert "not mirrored" not in given
    real = RotatorCuffClassifier(random_package(tmp_path / "real", simulated=False), "cpu")
    assert not any("patients" in note for note in real.classify(volume).notes)


def test_class_and_tear_probability_that_disagree_are_explained(volume, tmp_path):
    strict = random_package(tmp_path / "strict", operating_threshold=0.999999)
    loose = random_package(tmp_path / "loose", operating_threshold=0.000001)
    texts = [" ".join(RotatorCuffClassifier(one, "cpu").classify(volume).notes) for one in (strict, loose)]
    assert sum("threshold" in text for text in texts) == 1


def test_the_scan_is_checked_first(classifier, volume):
    broken = volume.array.astype(np.float32)
    broken[3, 3, 3] = np.nan
    for changed, words in (
        (replace(volume, array=broken), "NaN"),
        (replace(volume, modality="CT"), "CT"),
        (replace(volume, array=volume.array[:1]), "single slice"),
    ):
        with pytest.raises(InputError, match=words):
            classifier.classify(changed)
    turned = volume.ijk_to_lps.copy()
    turned[:3, :3] = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) @ turned[:3, :3]
    assert any("axial" in note for note in classifier.classify(replace(volume, ijk_to_lps=turned)).notes)


def failing(classifier, monkeypatch, times, error):
    """Lets the network end in an error so many times, then work."""
    forward, left = classifier.backend.network.classify, [times]

    def fail(features):
        if features.shape[-1] == 8 and left[0]:
            left[0] -= 1
            raise error
        return forward(features)

    monkeypatch.setattr(classifier.backend.network, "classify", fail)


def test_out_of_memory_takes_a_smaller_way_and_says_so(classifier, volume, monkeypatch):
    exact = classifier.classify(volume)
    failing(classifier, monkeypatch, 1, RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    logged = []
    result = classifier.classify(volume, log=logged.append)
    assert result.provenance["precision"] == "bfloat16"
    assert len(logged) == 1 and logged[0] in result.notes
    assert result.classification.probabilities == pytest.approx(exact.classification.probabilities, abs=0.05)
    answer = result.classification
    total = result.maps[0, 0].mean(dtype=np.float64)
    assert np.isfinite(total) and answer.evidence_for(0).score == pytest.approx(
        exact.classification.evidence_for(0).score, abs=0.3
    )


def test_no_memory_at_all_is_a_sentence_for_the_person(classifier, volume, monkeypatch):
    failing(classifier, monkeypatch, 9, MemoryError())
    with pytest.raises(ResourceError, match="not enough memory"):
        classifier.classify(volume)


def test_another_error_of_the_network_is_not_taken_for_lack_of_memory(classifier, volume, monkeypatch):
    failing(classifier, monkeypatch, 9, RuntimeError("expected scalar type Half"))
    with pytest.raises(RuntimeError, match="scalar type"):
        classifier.classify(volume)


def test_what_cannot_run_is_refused_with_the_reason(package, tmp_path):
    from engine.hand_made import make_package as make_head_package

    with pytest.raises(InputError, match="no device cuda:77"):
        RotatorCuffClassifier(package, device="cuda:77")
    with pytest.raises(InputError, match="precision"):
        RotatorCuffClassifier(package, "cpu", precision="int4")
    with pytest.raises(InputError, match="not for rotator-cuff-classification"):
        RotatorCuffClassifier(make_head_package(tmp_path / "head"), "cpu")
    four = [*package.labels][:4]
    with pytest.raises(InputError, match="names 4 classes"):
        RotatorCuffClassifier(random_package(tmp_path / "four", labels=four), "cpu")
    with pytest.raises(InputError, match="preprocessing"):
        RotatorCuffClassifier(random_package(tmp_path / "odd", preprocessing={"edge": "large"}), "cpu")


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


def test_the_papers_codes_are_brought_into_order():
    by_code = [TEAR_CLASSES[FROM_PAPER_CODES[code]].name for code in range(5)]
    assert by_code == ["None", "Small", "Medium", "Large-to-Massive", "Partial"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_cpus_answer(package, volume):
    cpu, cuda = (RotatorCuffClassifier(package, device).classify(volume) for device in ("cpu", "cuda"))
    assert cuda.provenance["device"] == "cuda:0"
    assert cuda.classification.probabilities == pytest.approx(cpu.classification.probabilities, abs=1e-3)
