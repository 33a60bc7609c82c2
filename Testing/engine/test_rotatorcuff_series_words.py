"""What the words of real headers and file names say of a shoulder MR: organ, side and plane."""

from dataclasses import replace

import numpy as np
import pytest
from engine.dicom_phantom import along_z, ball, write_series
from engine.hand_made import centred_matrix
from engine.shoulder_phantom import oblique_coronal, shoulder_phantom

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume
from radiologycnn.images.volume import Volume
from radiologycnn.rotatorcuff.series import describe_series
from radiologycnn.rotatorcuff.series_check import check_shoulder_mr

STEPS = oblique_coronal("right", (2.0, 2.0, 4.2), 30.0)


def scan(facts=None, name="", steps=STEPS, shape=(20, 80, 80)):
    """A scan without a picture that tells anything."""
    array = np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)
    return Volume(array, centred_matrix(steps, shape), "MR", name, provenance={"acquisition": facts or {}})


@pytest.mark.parametrize("text", ["PD COR surface coil", "COR interface", "T2 COR deliver"])
def test_a_word_that_only_contains_an_organ_names_none(text):
    assert check_shoulder_mr(scan({"SeriesDescription": text})) == []


def test_a_study_of_a_shoulder_outweighs_a_wrong_body_part():
    facts = {"BodyPartExamined": "HEAD", "SeriesDescription": "PD FS COR", "StudyDescription": "MRI SHOULDER LT WO"}
    assert check_shoulder_mr(scan(facts)) == []


def test_past_a_wrong_body_part_leads_the_way_that_the_refusal_names():
    facts = {"BodyPartExamined": "HEAD", "SeriesDescription": "PD FS COR", "StudyDescription": "MRI joint"}
    with pytest.raises(InputError) as refused:
        check_shoulder_mr(scan(facts, name="5: PD FS COR"))
    assert "shows a head" in refused.value.message and "rename" in refused.value.hint
    assert check_shoulder_mr(scan(facts, name="5: PD FS COR shoulder")) == []


@pytest.mark.parametrize(("folder", "passes"), [("shoulder", True), ("Schulter_re", True), ("export-5", False)])
def test_the_name_of_its_folder_leads_past_a_wrong_body_part(tmp_path, folder, passes):
    header = {"Modality": "MR", "BodyPartExamined": "NECK", "SeriesDescription": "t2_tse_fs_cor"}
    shape = ball((0, 0, 40), 30)
    paths = write_series(tmp_path / folder, along_z(np.arange(0, 80, 4.0)), lambda p: shape(p) + p[..., 0], **header)
    for given in (tmp_path / folder, paths[3]):
        volume = read_volume(given)
        assert volume.name == "t2_tse_fs_cor" and folder not in str((volume.notes, volume.provenance))
        if passes:
            warnings = check_shoulder_mr(volume)
            assert sum("its header this series shows a spine" in warning for warning in warnings) == 1
            continue
        with pytest.raises(InputError, match="file or folder") as refused:
            check_shoulder_mr(volume)
        assert refused.value.code == "not-a-shoulder"


def test_a_study_of_another_organ_is_only_a_warning():
    (warning,) = check_shoulder_mr(scan({"SeriesDescription": "PD FS COR", "StudyDescription": "MRI Knee left"}))
    assert "a knee" in warning


@pytest.mark.parametrize(
    ("facts", "side", "source"),
    [
        ({"StudyDescription": "MRI SHOULDER LT W/O CONTRAST"}, "left", "study's name"),
        ({"StudyDescription": "MR Schulter rechts"}, "right", "study's name"),
        ({"StudyDescription": "MR shoulders left and right"}, "unknown", ""),
        ({"StudyDescription": "MRI SHOULDER LT", "SeriesDescription": "COR PD RIGHT"}, "right", "name"),
        ({"StudyDescription": "MRI SHOULDER LT", "Laterality": "R"}, "right", "DICOM Laterality"),
    ],
)
def test_the_side_of_the_study_counts_where_the_series_says_none(facts, side, source):
    description = describe_series(scan(facts))
    assert (description.side, description.side_source) == (side, source)


def test_the_study_tells_nothing_of_plane_and_weighting():
    description = describe_series(scan({"StudyDescription": "MR shoulder sag T1 fs"}))
    assert (description.plane, description.weighting, description.fat_saturated) == ("coronal", "unknown", None)


@pytest.mark.parametrize(
    ("name", "plane"),
    [
        ("pd_tse_fs_paracor", "coronal"),
        ("PDW SPAIR kor", "coronal"),
        ("DP coronale FS", "coronal"),
        ("T2 koronar", "coronal"),
        ("pd_tse_fs_parasag", "sagittal"),
        ("T2 sagital", "sagittal"),
        ("T2 sagittale", "sagittal"),
        ("PD coronaal", "coronal"),
        ("T2 axiale", "axial"),
    ],
)
def test_planes_by_the_names_that_other_languages_have_for_them(name, plane):
    thin = np.diag([1.5, 1.5, 1.5])  # of a 3D sequence, stored from foot to head: only the name tells
    assert describe_series(scan(name=name, steps=thin, shape=(80, 80, 80))).plane == plane


@pytest.mark.parametrize("name", ["COR PD FS RE-SCAN", "cor pd fs re-do", "t2 fs cor re run", "COR PD FS Re: motion"])
def test_what_was_done_again_is_no_right_shoulder(name):
    facts = {"SeriesDescription": name}
    assert describe_series(scan(facts, name)).side == "unknown"
    shoulder = shoulder_phantom("left", shape_kji=(22, 120, 120), steps=oblique_coronal("left", (1.33, 1.33, 4.2)))
    described = describe_series(replace(shoulder, name=name, provenance={"acquisition": facts}))
    assert (described.side, described.side_source) == ("left", "picture")


@pytest.mark.parametrize("name", ["T2 COR Schulter re", "re Schulter", "MR_re_pd_fs", "PD RE COR", "cor pd re 3mm"])
def test_re_is_german_for_right_where_a_series_name_goes_on(name):
    described = describe_series(scan({"SeriesDescription": name}, "scan"))
    assert (described.side, described.side_source) == ("right", "name")
    assert describe_series(scan({"StudyDescription": name})).side == "right"


@pytest.mark.parametrize(
    ("names", "side"),
    [
        (["linke Schulter cor", "linker schouder", "LSHOULDER PD", "Épaule gauche", "EPAULE G DP FS"], "left"),
        (["Hombro izquierdo", "hombro izq cor", "spalla sinistra", "SPALLA SX", "Ombro esquerdo"], "left"),
        (["rechtes Schultergelenk", "rechter schouder", "RSHLDR PD", "Épaule droite", "EPAULE D COR DP"], "right"),
        (["Hombro derecho", "HOMBRO DCHO", "spalla destra", "SPALLA DX", "ombro direito"], "right"),
        (["T2 der Schulter", "linke und rechte Schulter", "DP FS 3D"], "unknown"),
    ],
)
def test_sides_by_the_names_that_other_languages_have_for_them(names, side):
    assert {describe_series(scan({"SeriesDescription": name})).side for name in names} == {side}


@pytest.mark.parametrize(("name", "passes"), [("Épaule", True), ("schouder", True), ("ombro", True), ("joint", False)])
def test_a_shoulder_by_its_name_in_other_languages_outweighs_a_wrong_body_part(name, passes):
    facts = {"BodyPartExamined": "HEAD", "SeriesDescription": "PD FS COR", "StudyDescription": name}
    if passes:
        assert check_shoulder_mr(scan(facts)) == []
    else:
        with pytest.raises(InputError, match="shows a head"):
            check_shoulder_mr(scan(facts))


@pytest.mark.parametrize(
    ("study", "said"),
    [("MR ARTHROGRAM SHOULDER LT", True), ("Arthro-MRT Schulter", True), ("artroRM spalla", True),
     ("MRI SHOULDER WITHOUT ARTHROGRAM", False), ("Schulter, Arthrose", False), ("Shoulder post arthroscopy", False)],
)  # fmt: skip
def test_an_arthrogram_is_told(study, said):
    facts = {"SeriesDescription": "T1 FS COR", "StudyDescription": study}
    warnings = check_shoulder_mr(scan(facts))
    assert any("arthrogram" in one for one in warnings) == said
    assert any("T1-weighted" in one and "without contrast" in one for one in warnings)


def test_a_name_against_the_picture_is_said():
    shoulder = shoulder_phantom("left", shape_kji=(22, 120, 120), steps=oblique_coronal("left", (1.33, 1.33, 4.2)))
    described = describe_series(replace(shoulder, name="COR PD RIGHT"))
    assert described.side == "right"
    assert sum("the picture looks like one of the other side" in note for note in described.notes) == 1
    assert describe_series(replace(shoulder, name="COR PD LEFT")).notes == ()
