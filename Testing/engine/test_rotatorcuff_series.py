"""Plane, weighting, fat saturation and side of a shoulder MR, and what told them."""

from dataclasses import replace

import numpy as np
import pytest
from engine.dicom_phantom import write_series
from engine.shoulder_phantom import oblique_coronal
from engine.shoulder_series import AXIAL, SAGITTAL, SHOULDERS, T2_FS, scan
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radiologycnn.images import read_volume
from radiologycnn.images.dicom_acquisition import acquisition_facts
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.series import SeriesDescription, describe_series, through_plane_axis


@pytest.mark.parametrize(
    ("steps", "plane"),
    [(AXIAL, "axial"), (SAGITTAL, "sagittal"), (oblique_coronal("right", (2, 2, 4.2), 0), "coronal")],
)
def test_plane_of_straight_slices(steps, plane):
    description = describe_series(scan(steps=steps))
    assert (description.plane, description.obliquity_deg) == (plane, pytest.approx(0))


def test_the_plane_is_told_by_the_thick_axis_however_the_scan_is_stored():
    volume = scan(angle=20)
    turned = Volume(
        np.ascontiguousarray(volume.array.transpose(2, 0, 1)), volume.ijk_to_lps[:, [1, 2, 0, 3]], "MR", "stored"
    )
    assert describe_series(turned).plane == "coronal"
    assert describe_series(turned).obliquity_deg == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("angle", [20.0, 40.0, 48.0, 52.0])
def test_steep_slices_of_a_3d_sequence_stay_its_slices(side, angle):
    thin = scan(steps=oblique_coronal(side, (1.5, 1.5, 1.5), angle), shape=(60, 90, 90), name="COR 3D PD", side=side)
    assert through_plane_axis(thin) == 2
    assert describe_series(replace(thin, name=f"COR 3D PD {side}")).plane == "coronal"


def test_of_a_3d_sequence_with_equal_spacings_the_name_tells_the_plane():
    steps = np.diag([1.5, 1.5, 1.5])  # stored from foot to head
    assert describe_series(scan(steps=steps, shape=(80, 80, 80), name="cor_3d_pd")).plane == "coronal"
    assert describe_series(scan(steps=steps, shape=(80, 80, 80), name="sag_3d_pd")).plane == "sagittal"
    assert describe_series(scan(steps=steps, shape=(80, 80, 80))).plane == "axial"


@pytest.mark.parametrize("angle", [20, 35, 45, 50])
def test_oblique_coronal_slices_are_coronal_up_to_50_degrees(angle):
    for side in ("left", "right"):
        description = describe_series(scan(T2_FS, angle=angle, side=side))
        assert description.plane == "coronal"
        assert description.obliquity_deg == pytest.approx(angle, abs=0.1)


def test_at_45_degrees_the_name_tells_and_else_the_side():
    # Slices across the tendon of a right shoulder: their normal leans to the right and front.
    steps = oblique_coronal("left", (2.0, 2.0, 4.2), 50)
    assert describe_series(scan({"SeriesDescription": "SAG OBL T2"}, steps=steps)).plane == "sagittal"
    assert describe_series(scan({"SeriesDescription": "COR OBL T2"}, steps=steps)).plane == "coronal"
    assert describe_series(scan({"Laterality": "R"}, steps=steps)).plane == "sagittal"
    assert describe_series(scan({"Laterality": "L"}, steps=steps)).plane == "coronal"


@pytest.mark.parametrize(
    ("facts", "weighting", "fat_saturated"),
    [
        (T2_FS, "T2", True),
        ({"RepetitionTime": 600, "EchoTime": 15}, "T1", None),
        ({"RepetitionTime": "2800", "EchoTime": "30", "ScanOptions": "SAT1\\PFP"}, "PD", False),
        ({"RepetitionTime": 2800, "EchoTime": 45, "SeriesDescription": "cor_t2_tse"}, "T2", None),
        ({"SeriesDescription": "pd_tse_fs_cor"}, "PD", True),
        ({"SeriesDescription": "Cor T1 no fat sat"}, "T1", False),
        ({"SeriesDescription": "COR STIR"}, "T2", True),
        ({"SeriesDescription": "t2_spair_cor"}, "T2", True),
        ({"SeriesDescription": "series 4"}, "unknown", None),
        ({"RepetitionTime": 500, "EchoTime": 10, "ScanningSequence": "GR"}, "unknown", None),
        ({"SpectrallySelectedSuppression": "NONE"}, "unknown", False),
    ],
)
def test_weighting_and_fat_saturation(facts, weighting, fat_saturated):
    description = describe_series(scan(facts))
    assert (description.weighting, description.fat_saturated) == (weighting, fat_saturated)


def test_a_name_that_contradicts_the_times_is_said():
    description = describe_series(scan({"SeriesDescription": "COR T1", "RepetitionTime": 3600, "EchoTime": 80}))
    assert description.weighting == "T2"
    assert any("T1" in note and "3600" in note for note in description.notes)


@pytest.mark.parametrize(
    ("facts", "name", "offset", "side", "source"),
    [
        ({"ImageLaterality": "L", "SeriesDescription": "shoulder"}, "", (0, 0, 0), "left", "DICOM ImageLaterality"),
        ({"Laterality": "R"}, "", (150, 0, 0), "right", "DICOM Laterality"),
        ({"Laterality": "", "SeriesDescription": "T2 COR LT SHOULDER"}, "", (0, 0, 0), "left", "name"),
        ({"ProtocolName": "Shoulder^Right"}, "", (0, 0, 0), "right", "name"),
        ({}, "left_shoulder_cor", (-150, 0, 0), "left", "name"),
        ({}, "", (-120, 0, 0), "right", "position in the scanner"),
        ({}, "", (120, 0, 0), "left", "position in the scanner"),
        ({}, "", (40, 0, 0), "unknown", ""),
        ({"Laterality": "U", "SeriesDescription": "left and right"}, "", (0, 0, 0), "unknown", ""),
    ],
)
def test_the_side_and_what_told_it(facts, name, offset, side, source):
    description = describe_series(scan(facts, name, offset=offset))
    assert (description.side, description.side_source) == (side, source)
    assert any("Nothing tells" in note for note in description.notes) == (side == "unknown")


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_side_from_the_air_outside_the_skin_is_said_to_be_from_the_picture(side):
    for stored in (SHOULDERS[side], flipped(SHOULDERS[side])):
        description = describe_series(stored)
        assert (description.side, description.side_source) == (side, "picture")
        assert any("from the picture" in note for note in description.notes)


def flipped(volume: Volume) -> Volume:
    """The same scan, stored with rows and columns the other way round."""
    matrix = volume.ijk_to_lps.copy()
    last = np.array([volume.array.shape[2] - 1, volume.array.shape[1] - 1, 0, 1])
    matrix[:3, 3] = (volume.ijk_to_lps @ last)[:3]
    matrix[:3, :2] *= -1
    return replace(volume, array=np.ascontiguousarray(volume.array[:, ::-1, ::-1]), ijk_to_lps=matrix)


def test_a_tag_that_contradicts_the_name_is_said():
    description = describe_series(scan({"Laterality": "L", "SeriesDescription": "RIGHT SHOULDER COR"}))
    assert description.side == "left"
    assert any("Check the side" in note for note in description.notes)


def test_a_description_survives_json():
    description = describe_series(scan(T2_FS))
    assert SeriesDescription.from_dict(description.to_dict()) == description


def test_the_dicom_reader_says_how_the_scan_was_made_and_not_of_whom(tmp_path):
    angle = np.radians(30)
    orientation = (np.cos(angle), np.sin(angle), 0.0, 0.0, 0.0, -1.0)
    normal = np.array([-np.sin(angle), np.cos(angle), 0.0])
    positions = [tuple(normal * 4.4 * n) for n in range(16)]
    tags = {**T2_FS, "SeriesDescription": "T2 COR Wilhelm", "PatientSex": "M", "StudyDate": "20200101"}
    write_series(tmp_path / "series", positions, lambda points: points[..., 0], orientation=orientation, **tags)
    volume = read_volume(tmp_path / "series")
    facts = volume.provenance["acquisition"]
    assert (facts["RepetitionTime"], facts["EchoTime"], facts["Laterality"]) == (3600.0, 70.0, "R")
    assert facts["ScanOptions"] == ["FS", "SAT"]
    assert facts["SeriesDescription"] == "T2 COR ..."
    assert not any(key.startswith(("Patient", "Study")) and key != "PatientPosition" for key in facts)
    description = describe_series(volume)
    assert (description.plane, description.weighting, description.fat_saturated) == ("coronal", "T2", True)
    assert description.side == "right"
    assert description.obliquity_deg == pytest.approx(30, abs=0.1)


def test_enhanced_objects_keep_the_same_facts_in_their_functional_groups():
    def item(**fields):
        inner = Dataset()
        for keyword, value in fields.items():
            setattr(inner, keyword, value)
        return Sequence([inner])

    group = Dataset()
    group.MRTimingAndRelatedParametersSequence = item(RepetitionTime=3500.0, FlipAngle=90.0)
    group.MREchoSequence = item(EffectiveEchoTime=65.0)
    group.FrameAnatomySequence = item(FrameLaterality="L")
    group.MRModifierSequence = item(SpectrallySelectedSuppression="FAT")
    facts = acquisition_facts(Dataset(), [group], lambda text, _: text)
    assert facts == {
        "RepetitionTime": 3500.0, "FlipAngle": 90.0, "EchoTime": 65.0, "ImageLaterality": "L",
        "SpectrallySelectedSuppression": "FAT",
    }  # fmt: skip
    description = describe_series(scan(facts))
    assert (description.weighting, description.fat_saturated, description.side) == ("T2", True, "left")


def test_a_name_against_the_place_in_the_scanner_is_said():
    described = describe_series(scan(name="shoulder rt", offset=(120.0, 0, 0)))
    assert described.side == "right"
    assert any("other side of the scanner" in note for note in described.notes)
    assert describe_series(scan(name="shoulder rt", offset=(-120.0, 0, 0))).notes == ()


def test_a_place_that_nobody_has_given_tells_no_side():
    volume = scan(shape=(20, 100, 100), steps=SAGITTAL)
    at_zero = np.array(volume.ijk_to_lps)
    at_zero[:3, 3] = 0
    assert describe_series(replace(volume, ijk_to_lps=at_zero)).side == "unknown"
