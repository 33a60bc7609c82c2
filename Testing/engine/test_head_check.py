"""What is not a head CT is refused with its reason; what is doubtful is said; head CTs pass."""

import re
from dataclasses import replace

import numpy as np
import pytest
from engine.hand_made import head_phantom

from radiologycnn.errors import InputError
from radiologycnn.hemorrhage.head_check import check_head_ct
from radiologycnn.hemorrhage.skull import find_skull
from radiologycnn.images import read_volume
from radiologycnn.images.volume import Volume


@pytest.fixture(scope="module")
def head() -> Volume:
    return head_phantom()[0]


def refused(volume: Volume) -> str:
    with pytest.raises(InputError) as refusal:
        check_head_ct(volume)
    assert refusal.value.hint
    return refusal.value.message


def slices(volume: Volume, which: slice) -> Volume:
    return replace(volume, array=volume.array[which])


def test_a_head_passes_without_a_word(head):
    assert check_head_ct(head) == []


@pytest.mark.parametrize("steps", [np.diag([-1.4, -1.6, 2.8]), np.diag([1.4, 1.6, -2.8])], ids=["RAS", "upside down"])
def test_a_head_passes_however_it_is_stored(steps):
    assert check_head_ct(head_phantom(steps=steps)[0]) == []


def test_a_turned_head_off_centre_with_an_opened_skull_passes(head):
    volume, _ = head_phantom(turned_degrees=20, head_centre_lps=(15, -10, 0))
    volume.array[35:50, 60:100, 100:] = np.minimum(volume.array[35:50, 60:100, 100:], 40)
    assert check_head_ct(volume) == []


def test_a_missing_vertex_is_said_and_not_refused(head):
    (warning,) = check_head_ct(slices(head, slice(0, 46)))
    assert "top of the head" in warning


def test_a_few_slices_of_a_head_are_said_to_be_a_part(head):
    (warning,) = check_head_ct(slices(head, slice(28, 38)))
    assert "Only part of the head" in warning
    assert "28 mm" in warning


def test_another_modality_is_refused_by_its_name(head):
    assert "MR" in refused(replace(head, modality="MR"))


def test_a_file_without_modality_is_taken_by_its_values_and_this_is_said(head):
    (warning,) = check_head_ct(replace(head, modality=""))
    assert "Hounsfield" in warning


def test_values_without_air_are_not_hounsfield_units(head):
    assert "Hounsfield" in refused(replace(head, array=np.clip(head.array, 0, 110)))


def test_stored_values_without_the_offset_are_recognized(head):
    with pytest.raises(InputError, match="offset"):
        check_head_ct(replace(head, array=head.array + 1024 + 10))


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_refused(seed, head):
    noise = np.random.default_rng(seed).uniform(-1000, 2000, head.array.shape).astype(np.int16)
    assert "No skull" in refused(replace(head, array=noise))


def test_a_limb_is_too_small_and_a_pelvis_too_wide(head):
    for scale in (0.35, 1.6):
        matrix = head.ijk_to_lps.copy()
        matrix[:2, :3] *= scale
        assert "No skull" in refused(replace(head, ijk_to_lps=matrix))


def test_a_body_with_a_spine_is_refused(head):
    body = np.where(head.array > 200, 40, head.array)
    body[:, 110:125, 75:85] = 900
    assert "No skull" in refused(replace(head, array=body))


def test_a_whole_body_is_refused_and_a_neck_is_said():
    volume, _ = head_phantom(shape_kji=(110, 80, 80), steps=np.diag([2.8, 3.2, 2.8]))
    (warning,) = check_head_ct(volume)
    assert "308 mm" in warning
    # A network that is shown the head alone sees it as large as ever, and nothing of the neck.
    assert check_head_ct(volume, cropped=True) == []
    height = find_skull(volume).box[0]
    assert (height.stop - height.start) * 2.8 < 200
    tall, _ = head_phantom(shape_kji=(150, 80, 80), steps=np.diag([2.8, 3.2, 2.8]))
    assert "420 mm" in refused(tall)


@pytest.mark.parametrize(
    ("name", "warned"),
    [("CTA Head", True), ("Head with contrast", True), ("Head non-contrast", False), ("Head w/o contrast", False)],
)
def test_contrast_medium_in_the_name_is_a_warning(head, name, warned):
    assert any("contrast" in text for text in check_head_ct(replace(head, name=name))) == warned


def test_the_real_head_ct_passes(shared_data):
    assert check_head_ct(read_volume(shared_data / "head-ct-ge-tilt-uneven")) == []


@pytest.mark.parametrize(
    ("name", "reason"), [("ct-abdomen.nii.gz", "No skull"), ("mr-t1-brain-24-slices", "modality is MR")]
)
def test_real_scans_that_are_no_head_ct_are_refused(shared_data, name, reason):
    volume = read_volume(shared_data / "not-a-head-volume" / name)
    assert re.search(reason, refused(volume))


def test_an_mr_without_its_modality_is_refused_by_its_values(shared_data):
    volume = read_volume(shared_data / "not-a-head-volume" / "mr-t1-brain-24-slices")
    assert "Hounsfield" in refused(replace(volume, modality=""))
