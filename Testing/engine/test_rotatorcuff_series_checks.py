"""Which scans are refused as no shoulder MR, and which are taken with a warning."""

from dataclasses import replace

import numpy as np
import pytest
from engine.shoulder_series import AXIAL, SAGITTAL, SHOULDERS, T2_FS, scan

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume
from radiologycnn.rotatorcuff.series_check import check_shoulder_mr


def test_a_shoulder_passes_without_a_word():
    for side, volume in SHOULDERS.items():
        assert check_shoulder_mr(replace(volume, provenance={"acquisition": T2_FS})) == [], side


@pytest.mark.parametrize(("steps", "word"), [(AXIAL, "an axial"), (SAGITTAL, "a sagittal")])
def test_another_plane_is_warned_about(steps, word):
    (warning,) = check_shoulder_mr(scan(T2_FS, steps=steps, shape=(30, 80, 80)))
    assert word in warning


def test_t1_is_warned_about():
    (warning,) = check_shoulder_mr(scan({**T2_FS, "RepetitionTime": 600, "EchoTime": 16, "SeriesDescription": "COR"}))
    assert "T1" in warning


@pytest.mark.parametrize(
    ("facts", "organ"),
    [
        ({"BodyPartExamined": "HEAD"}, "a head"),
        ({"BodyPartExamined": "KNEE", "SeriesDescription": "PD FS COR"}, "a knee"),
        ({"SeriesDescription": "T2 SAG LUMBAR SPINE"}, "a spine"),
        ({"ProtocolName": "Ankle^Routine"}, "a foot or ankle"),
    ],
)
def test_another_organ_by_its_tags_is_refused(facts, organ):
    with pytest.raises(InputError, match=organ) as refusal:
        check_shoulder_mr(scan(facts))
    assert refusal.value.code == "not-a-shoulder"
    assert refusal.value.hint


def test_a_shoulder_under_a_wrong_body_part_and_a_humeral_head_pass():
    assert check_shoulder_mr(scan({"BodyPartExamined": "CHEST", "SeriesDescription": "COR T2 SHOULDER"})) == []
    assert check_shoulder_mr(scan({"SeriesDescription": "COR T2 humeral head"})) == []


def test_a_file_name_of_another_organ_is_only_a_warning():
    (warning,) = check_shoulder_mr(scan(name="knee_12"))
    assert "a knee" in warning


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda v: replace(v, modality="CT"), "not-an-mr"),
        (lambda v: replace(v, modality="", array=v.array * 10 - 1000), "not-an-mr"),
        (lambda v: replace(v, array=v.array[:1]), "single-slice"),
        (lambda v: replace(v, array=v.array[:4]), "too-small-extent"),
        (lambda v: replace(v, array=v.array[:, :15]), "too-small-extent"),
        (lambda v: replace(v, ijk_to_lps=v.ijk_to_lps * 3.5), "too-large-extent"),
    ],
    ids=["CT", "Hounsfield units", "one slice", "thin", "narrow", "wide"],
)
def test_what_certainly_is_no_shoulder_mr_is_refused(change, code):
    with pytest.raises(InputError) as refusal:
        check_shoulder_mr(change(scan()))
    assert refusal.value.code == code
    assert refusal.value.hint


def test_few_slices_and_a_wide_field_are_said():
    (warning,) = check_shoulder_mr(scan(shape=(9, 80, 80)))
    assert "9 slices" in warning
    (warning,) = check_shoulder_mr(scan(shape=(20, 160, 160)))
    assert "large" in warning


def test_normalized_values_below_zero_are_no_ct():
    volume = scan()
    assert check_shoulder_mr(replace(volume, array=(volume.array - 100) / 20)) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("not-a-head-volume/mr-t1-brain-24-slices", "too small"),
        ("head-ct-ge-tilt-uneven", "modality is CT"),
        ("not-a-head-volume/ct-abdomen.nii.gz", "as those of a CT do"),
    ],
)
def test_real_scans_that_are_no_shoulder_are_refused(shared_data, name, reason):
    with pytest.raises(InputError, match=reason):
        check_shoulder_mr(read_volume(shared_data / name))


def test_a_scanned_mr_may_have_values_below_zero():
    scanned = scan(T2_FS)
    recovered = replace(scanned, array=scanned.array * 40 - 4000)
    assert check_shoulder_mr(recovered) == []
    with pytest.raises(InputError, match="as those of a CT do"):
        check_shoulder_mr(replace(recovered, modality="", provenance={}))


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_a_mask_that_was_loaded_as_a_scan_is_refused(kind):
    picture = SHOULDERS["right"]
    labels = np.digitize(picture.array, [50, 150, 250]).astype(kind)
    with pytest.raises(InputError, match="fewer than 16 different values, as a mask"):
        check_shoulder_mr(replace(picture, array=labels))
    coarse = np.clip(picture.array / picture.array.max() * 63, 0, 63).astype(np.uint8)
    check_shoulder_mr(replace(picture, array=coarse))
