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
    with pytest.raises(InputError, match="offset") as refusal:
        check_head_ct(replace(head, array=head.array + 1024 + 10))
    # A bright MRI has such values, too.
    assert "no CT at all (an MRI, say)" in refusal.value.message and refusal.value.hint.startswith("Choose a CT; if")


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
    [
        ("CTA Head", True),
        ("CTA_Head_1.0_Bv40", True),
        ("sub-07_CT_post_contrast", True),
        ("Schaedel mit KM", True),
        ("Head with contrast", True),
        ("Head non-contrast", False),
        ("Head w/o contrast", False),
        ("head_without_contrast", False),
        ("Schaedel ohne KM", False),
        ("Schaedel nativ", False),
        ("HEAD POST FOSSA", False),
    ],
)
def test_contrast_medium_in_the_name_is_a_warning(head, name, warned):
    assert any("contrast" in text for text in check_head_ct(replace(head, name=name))) == warned


@pytest.mark.parametrize(
    ("facts", "warned"),
    [
        ({"ContrastBolusAgent": "Omnipaque 350"}, True),
        ({"SeriesDescription": "CT Angio Head"}, True),
        ({"ContrastBolusAgent": "Non-ionic 80 ml"}, True),
        ({"ContrastBolusAgent": "none", "SeriesDescription": "Head plain"}, False),
        ({"ContrastBolusAgent": "NO CONTRAST"}, False),
        ({"ContrastBolusAgent": "None given"}, False),
        ({"ContrastBolusAgent": "Non-contrast"}, False),
        ({"ContrastBolusAgent": "N/A"}, False),
        ({"ContrastBolusAgent": "0 ml"}, False),
    ],
)
def test_contrast_medium_in_the_header_is_a_warning(head, facts, warned):
    warnings = check_head_ct(replace(head, provenance={"acquisition": facts}))
    assert any("contrast" in text for text in warnings) == warned


def opened(head: Volume, degrees: float) -> Volume:
    """A craniectomy: no bone within a sector of the vault."""
    hu = head.array.copy()
    k, j, i = np.indices(hu.shape)
    middle_j, middle_i = (np.argwhere(hu > -300)[:, axis].mean() for axis in (1, 2))
    sector = np.abs(np.degrees(np.arctan2(j - middle_j, i - middle_i))) < degrees / 2
    hu[sector & (hu > 100) & (k > 18)] = 35
    return replace(head, array=hu)


@pytest.mark.parametrize("degrees", [100, 130])
def test_a_craniectomy_is_a_head_in_all_its_height(head, degrees):
    skull, whole = find_skull(opened(head, degrees)), find_skull(head)
    assert skull.ring_mm > 0.9 * whole.ring_mm
    assert skull.box[0] == whole.box[0]


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
