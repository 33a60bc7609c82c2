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


@pytest.fixture(scope="module")
def whole(head: Volume) -> Volume:
    """The head with a neck of soft tissue in the place of the lowest fifth."""
    k, j, i = np.indices(head.array.shape)
    neck = np.where(np.hypot((j - 80) * 1.6, (i - 80) * 1.4) < 55, 40, -1000)
    return replace(head, array=np.where(k < 14, neck, head.array).astype(np.int16))


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


def test_what_a_registration_fills_with_0_is_no_tissue(head):
    """Most programs fill so what lies beyond the scan that they have turned or moved."""
    array = head.array.copy()
    _k, j, i = np.indices(array.shape)
    array[(array < -300) & (np.hypot(j - array.shape[1] / 2, i - array.shape[2] / 2) > 0.45 * array.shape[1])] = 0
    array[-3:] = 0
    assert check_head_ct(replace(head, array=array)) == []
    assert find_skull(replace(head, array=array)).box == find_skull(head).box


def test_a_missing_vertex_is_said_and_not_refused(head):
    (warning,) = check_head_ct(slices(head, slice(0, 46)))
    assert "top of the head" in warning


def test_a_few_slices_of_a_head_are_said_to_be_a_part(head):
    (warning,) = check_head_ct(slices(head, slice(28, 38)))
    assert "Only part of the head" in warning
    assert "28 mm" in warning


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (np.s_[30:], "The base of the head seems"),
        (np.s_[:, :, 42:], "The right side of the head seems"),
        (np.s_[:, :, :118], "The left side of the head seems"),
        (np.s_[:, :125], "The back of the head seems"),
        (np.s_[:, 35:], "The front of the head seems"),
        (np.s_[:46, :, 42:], "The top and the right side of the head seem "),
    ],
)
def test_a_brain_that_an_edge_of_the_image_cuts_is_said_with_the_side(whole, part, said):
    assert check_head_ct(whole) == []
    (warning,) = check_head_ct(replace(whole, array=whole.array[part]))
    assert warning.startswith(said)


def test_a_brain_that_the_circle_of_a_reconstruction_cuts_is_said(whole):
    _k, j, i = np.indices(whole.array.shape)
    circle = np.hypot((j - 80) * 1.6, (i - 60) * 1.4)
    for radius_mm, warnings in ((150, 0), (90, 1)):
        padded = replace(whole, array=np.where(circle > radius_mm, -2000, whole.array))
        assert [text.startswith("The left side") for text in check_head_ct(padded)] == [True] * warnings


def test_a_skin_that_an_edge_of_the_image_cuts_is_no_brain(whole):
    assert check_head_ct(replace(whole, array=whole.array[:, :, 26:-26])) == []


def test_another_modality_is_refused_by_its_name(head):
    assert "MR" in refused(replace(head, modality="MR"))


def test_a_file_without_modality_is_taken_by_its_values_and_this_is_said(head):
    (warning,) = check_head_ct(replace(head, modality=""))
    assert "Hounsfield" in warning


def test_values_without_air_are_not_hounsfield_units(head):
    assert "Hounsfield" in refused(replace(head, array=np.clip(head.array, 0, 110)))


def test_a_scan_without_bone_is_no_head(head):
    assert "no bone in this scan: its values run from -1000 to 80 HU" in refused(
        replace(head, array=np.clip(head.array, -1000, 80))
    )


def test_stored_values_without_the_offset_are_recognized(head):
    with pytest.raises(InputError, match="before its offset is applied") as refusal:
        check_head_ct(replace(head, array=head.array + 1024 + 10))
    # A bright MRI has such values, too.
    assert "no CT at all (an MRI, say)" in refusal.value.message and refusal.value.hint.startswith("Choose a CT; if")


@pytest.mark.parametrize("padding", [-1000, -2000])
def test_stored_values_are_recognized_with_padding_outside_of_the_circle(head, padding):
    _k, j, i = np.indices(head.array.shape)
    stored = np.where(np.hypot((j - 80) * 1.6, (i - 80) * 1.4) > 112, padding, head.array + 1024)
    with pytest.raises(InputError, match="before its offset is applied") as refusal:
        check_head_ct(replace(head, array=stored))
    assert refusal.value.code == "not-hounsfield"


def test_an_offset_that_was_applied_twice_is_named(head):
    with pytest.raises(InputError, match="applied twice") as refusal:
        check_head_ct(replace(head, array=head.array - 1024))
    assert refusal.value.code == "not-hounsfield"


def test_values_cut_off_below_bone_are_named(head):
    with pytest.raises(InputError, match="run from -1000 to 200 HU, where they seem to be cut off") as refusal:
        check_head_ct(replace(head, array=np.minimum(head.array, 200)))
    assert refusal.value.hint == "Choose the original CT, not a windowed image."


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


def opened(head: Volume, degrees: float, above: int = 18) -> Volume:
    """A craniectomy: no bone within a sector of the vault, above a slice."""
    hu = head.array.copy()
    k, j, i = np.indices(hu.shape)
    middle_j, middle_i = (np.argwhere(hu > -300)[:, axis].mean() for axis in (1, 2))
    sector = np.abs(np.degrees(np.arctan2(j - middle_j, i - middle_i))) < degrees / 2
    hu[sector & (hu > 100) & (k > above)] = 35
    return replace(head, array=hu)


@pytest.mark.parametrize("degrees", [100, 130])
def test_a_craniectomy_is_a_head_in_all_its_height(head, degrees):
    skull, whole = find_skull(opened(head, degrees)), find_skull(head)
    assert skull.ring_mm > 0.9 * whole.ring_mm
    assert skull.box[0] == whole.box[0]


@pytest.mark.parametrize("degrees", [180, 220])
def test_a_craniectomy_that_leaves_no_ring_in_the_vault_is_a_head_to_its_top(whole, degrees):
    wide = opened(whole, degrees, above=24)
    skull = find_skull(wide)
    assert skull.ring_mm < 0.5 * find_skull(whole).ring_mm
    top = int(np.flatnonzero((whole.array > -300).any(axis=(1, 2)))[-1])
    assert abs(skull.box[0].stop - top) <= 2
    assert check_head_ct(wide) == []


def test_raised_arms_are_not_in_the_box_around_the_brain(whole):
    """The box is of limited height: with arms above the head in it, the base of the brain would be left out."""
    box = find_skull(whole).box
    arms = np.full((40, *whole.array.shape[1:]), -1000, np.int16)
    arms[:, 60:100, 60:100] = 40
    tall = replace(whole, array=np.concatenate([whole.array[:60], arms]))
    reached = find_skull(tall).box
    assert reached[0].start == box[0].start
    assert reached[0].stop <= box[0].stop + 10


@pytest.mark.parametrize("scale", [0.6, 0.65])
def test_the_head_of_a_newborn_is_a_whole_head(shared_data, scale):
    head = read_volume(shared_data / "head-ct-ge-tilt-uneven")
    assert check_head_ct(replace(head, ijk_to_lps=head.ijk_to_lps @ np.diag([scale] * 3 + [1]))) == []


def test_soft_bone_of_an_infant_and_noise_of_a_sharp_kernel_hide_no_head(head):
    infant = replace(head, array=np.minimum(head.array, 220), ijk_to_lps=head.ijk_to_lps @ np.diag([0.75] * 3 + [1]))
    noise = np.random.default_rng(1).normal(0, 130, head.array.shape)
    sharp = replace(head, array=head.array + noise.astype(np.float32))
    for volume in (infant, sharp):
        assert find_skull(volume).ring_mm > 0.6 * find_skull(head).ring_mm * volume.spacing_mm[2] / head.spacing_mm[2]


def test_metal_is_said_where_it_is_in_the_head_and_not_in_the_teeth(head):
    box = find_skull(head).box
    j, i = ((part.start + part.stop) // 2 for part in box[1:])
    for k, said in ((box[0].stop - 15, True), (0, False)):
        hu = head.array.copy()
        hu[k : k + 2, j : j + 4, i : i + 4] = 3071
        assert any("metal" in text for text in check_head_ct(replace(head, array=hu))) == said
    edges = np.where(head.array > 500, 3000, head.array)
    edges[:, :, 2:][(head.array[:, :, :-2] > 500)] = 700  # what is left bright is two pixels wide
    assert not any("metal" in text for text in check_head_ct(replace(head, array=edges)))


@pytest.mark.parametrize(("smaller", "noise"), [(1.0, 0), (0.7, 50), (0.85, 100), (1.0, 150)])
def test_an_abdomen_of_any_size_and_noise_has_no_skull(shared_data, smaller, noise):
    abdomen = read_volume(shared_data / "not-a-head-volume" / "ct-abdomen.nii.gz")
    hu = abdomen.array + np.random.default_rng(0).normal(0, noise, abdomen.array.shape)
    matrix = abdomen.ijk_to_lps @ np.diag([smaller] * 3 + [1])
    assert "No skull" in refused(replace(abdomen, array=hu.astype(np.float32), ijk_to_lps=matrix))


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
