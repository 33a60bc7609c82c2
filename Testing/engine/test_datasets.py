"""Public data sets: made-up folders in their layouts, whole and broken, become manifests that training reads."""

import csv
import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine.hand_made import head_phantom
from engine.head_folder import SHAPE_KJI, STEPS_MM
from typer.testing import CliRunner

from radiologycnn.cli import app
from radiologycnn.datasets.examination import Trust
from radiologycnn.datasets.geometry import lost_tilt, with_tilt
from radiologycnn.datasets.importing import LAYOUTS, import_dataset
from radiologycnn.errors import Cancelled, InputError
from radiologycnn.hemorrhage.mask_values import types_in
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images import read_volume, write_image
from radiologycnn.images.volume import Volume
from radiologycnn.training.hemorrhage.cases import load_case, prepare_folder

RADIUS_MM = 22.0
BALL_ML = 4 / 3 * np.pi * (RADIUS_MM / 10) ** 3
GRID = Preprocessing(grid_shape_ijk=(32, 32, 16))


def write_pair(image: Path, mask: Path, values: dict[int, tuple[float, float, float]]) -> None:
    """A head with a ball of blood of each mask value, round the place of it."""
    image.parent.mkdir(parents=True, exist_ok=True)
    mask.parent.mkdir(parents=True, exist_ok=True)
    volume, _ = head_phantom(SHAPE_KJI, STEPS_MM, (0, 0, 0), 0.0)
    array, labels = volume.array.copy(), np.zeros(SHAPE_KJI, np.uint8)
    for value, place in values.items():
        _, ball = head_phantom(SHAPE_KJI, STEPS_MM, place, RADIUS_MM)
        array[ball], labels[ball] = 70, value
    write_image(image, array, volume.ijk_to_lps)
    write_image(mask, labels, volume.ijk_to_lps)


LEFT, RIGHT = (35.0, 0.0, 0.0), (-35.0, 0.0, 0.0)


def bhsd(folder: Path) -> Path:
    root = folder / "label_192"
    for name, values in (
        ("ID_0b10cbee_ID_f91d6a7cd2", {2: LEFT, 3: RIGHT}),
        ("ID_2db7ee14_ID_2591d00dfc", {1: LEFT}),
        ("ID_2db7ee14_ID_f27e38fdfd", {5: LEFT, 4: RIGHT}),
    ):
        write_pair(root / "images" / f"{name}.nii.gz", root / "ground truths" / f"{name}.nii.gz", values)
    return folder


def keep_scaled(mask: Path) -> None:
    """The mask as CT-ICH keeps it: 16-bit numbers whose scale makes about 0 and 255 of them, though not exactly."""
    plain = bytearray(mask.read_bytes())
    labels = read_volume(mask).array
    struct.pack_into("<hh", plain, 70, 4, 16)
    struct.pack_into("<ff", plain, 112, 255 / 65535, 127.505)
    mask.write_bytes(bytes(plain[:352]) + np.where(labels > 0, 32767, -32768).astype("<i2").tobytes())
    assert 0 < read_volume(mask).array.min() < 0.01


def ct_ich(folder: Path) -> Path:
    root = folder / "computed-tomography-images-for-intracranial-hemorrhage-detection-and-segmentation-1.3.1"
    for name, values in (("049", {255: LEFT}), ("050", {255: RIGHT}), ("095", {})):
        write_pair(root / "ct_scans" / f"{name}.nii", root / "masks" / f"{name}.nii", values)
        keep_scaled(root / "masks" / f"{name}.nii")
    head = (
        "PatientNumber,SliceNumber,Intraventricular,Intraparenchymal,Subarachnoid,Epidural,Subdural,No_Hemorrhage,"
        "Fracture_Yes_No"
    )
    lines = [head]
    for patient, bleed in ((49, "0,0,0,1,0,0,1"), (50, "1,1,0,0,0,0,0"), (95, "")):
        for number in range(1, SHAPE_KJI[0] + 1):
            lines.append(f"{patient},{number},{bleed if bleed and number in (10, 11) else '0,0,0,0,0,1,0'}")
    (root / "hemorrhage_diagnosis_raw_ct.csv").write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    (root / "Patient_demographics.csv").write_text(
        'Patient Number,"Age\n(years)",Gender,Hemorrhage type based on the radiologists diagnosis ,,,,,'
        "Fracture (yes 1/no 0),Note1\n"
        ",,,Intraventricular,Intraparenchymal,Subarachnoid,Epidural,Subdural,,\n"
        "49,32,Male,,,,1,,1,\n50,0.5,Female,1,1,,,,,\n59,20,Male,,,,,,,\n95,40,Female,,,,,,,\n"
        "Mean,27.8,,,,,,,,\n"
    )
    return folder


def instance(folder: Path) -> Path:
    root = folder / "train_2"
    for name, values in (("001", {1: LEFT}), ("002", {1: RIGHT}), ("003", {})):
        write_pair(root / "data" / f"{name}.nii.gz", root / "label" / f"{name}.nii.gz", values)
    return folder


def lines_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("data-sets")
    return {
        "bhsd": bhsd(folder / "bhsd"),
        "ct-ich": ct_ich(folder / "ct-ich"),
        "instance": instance(folder / "instance"),
    }


@pytest.fixture
def own_source(sources, tmp_path):
    """A copy that a test may break."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(sources[name], tmp_path / f"{name}-source"))

    return copied


def test_bhsd_has_types_by_mask_values_and_patients_by_name(sources, tmp_path) -> None:
    done = import_dataset("bhsd", sources["bhsd"], tmp_path / "out")
    rows = lines_of(tmp_path / "out" / "cases.csv")
    assert [(row["types"], row["split"]) for row in rows] == [("iph+ivh", ""), ("edh", ""), ("sdh+sah", "")]
    assert [row["patient"] for row in rows] == ["bhsd-ID_0b10cbee", "bhsd-ID_2db7ee14", "bhsd-ID_2db7ee14"]
    assert (done.used, done.patients, done.left_out) == (3, 2, {})
    assert float(rows[0]["volume_ml"]) == pytest.approx(2 * BALL_ML, rel=0.1)
    record = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert record["MaskValues"] == {"1": "edh", "2": "iph", "3": "ivh", "4": "sah", "5": "sdh"}
    assert record["Name"] == "BHSD"


def test_ct_ich_has_types_by_its_table_and_people_by_the_other(sources, tmp_path) -> None:
    done = import_dataset("ct-ich", sources["ct-ich"], tmp_path / "out")
    rows = {row["id"]: row for row in lines_of(tmp_path / "out" / "cases.csv")}
    assert {case: row["types"] for case, row in rows.items()} == {
        "ct-ich-049": "edh",
        "ct-ich-050": "iph+ivh",
        "ct-ich-095": "none",
    }
    assert {case: (row["age"], row["sex"], row["fracture"]) for case, row in rows.items()} == {
        "ct-ich-049": ("32", "Male", "yes"),
        "ct-ich-050": ("0.5", "Female", "no"),
        "ct-ich-095": ("40", "Female", "no"),
    }
    assert float(rows["ct-ich-049"]["volume_ml"]) == pytest.approx(BALL_ML, rel=0.1)
    assert done.left_out == {"ct-ich-059": "A table names this patient, but ct_scans has no scan."}
    assert not done.notes


def test_instance_has_bleeds_of_unstated_type(sources, tmp_path) -> None:
    import_dataset("instance", sources["instance"], tmp_path / "out")
    rows = lines_of(tmp_path / "out" / "cases.csv")
    assert [(row["id"], row["types"]) for row in rows] == [
        ("instance-001", ""),
        ("instance-002", ""),
        ("instance-003", "none"),
    ]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("copy", [False, True])
def test_training_reads_what_was_imported(sources, tmp_path, name: str, copy: bool) -> None:
    import_dataset(name, sources[name], tmp_path / "out", copy=copy)
    rows = lines_of(tmp_path / "out" / "cases.csv")
    assert all(not Path(row["image"]).is_absolute() for row in rows)
    assert (tmp_path / "out" / "images").exists() == (tmp_path / "out" / "masks").exists() == copy
    if copy:
        shutil.move(tmp_path / "out", tmp_path / "moved")  # a copy stands for itself
    folder = tmp_path / ("moved" if copy else "out")
    found = prepare_folder(folder, tmp_path / "cache", GRID)
    assert [path.stem for path in found[""]] == [row["id"] for row in rows]
    for path, row in zip(found[""], rows):
        case = load_case(path)
        assert case.mask.sum() * case.voxel_ml == pytest.approx(float(row["volume_ml"]), rel=0.2)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_types_are_learned_where_the_data_set_states_them(sources, tmp_path, name: str) -> None:
    import_dataset(name, sources[name], tmp_path / "out")
    if name != "bhsd":
        with pytest.raises(InputError, match="are not known"):
            prepare_folder(tmp_path / "out", tmp_path / "cache", GRID, types=True)
        return
    found = prepare_folder(tmp_path / "out", tmp_path / "cache", GRID, types=True)
    for path, row in zip(found[""], lines_of(tmp_path / "out" / "cases.csv"), strict=True):
        assert "+".join(types_in(load_case(path).labels)) == row["types"]


def test_test_cases_of_the_authors_stay_apart_with_all_scans_of_their_patients(own_source, tmp_path) -> None:
    source = own_source("bhsd")
    listed = {"test": ["./imagesTs/ID_2db7ee14_ID_2591d00dfc.nii.gz"], "training": []}
    (source / "label_192" / "dataset.json").write_text(json.dumps(listed))
    import_dataset("bhsd", source, tmp_path / "out")
    assert [row["split"] for row in lines_of(tmp_path / "out" / "cases.csv")] == ["", "test", "test"]
    (source / "label_192" / "dataset.json").write_text("[broken")
    with pytest.raises(InputError, match="not the JSON file of BHSD"):
        import_dataset("bhsd", source, tmp_path / "other")


def test_bhsd_in_the_folders_of_its_json_file(own_source, tmp_path) -> None:
    root = own_source("bhsd") / "label_192"
    for before, train, test in (("images", "imagesTr", "imagesTs"), ("ground truths", "labelsTr", "labelsTs")):
        (root / before).rename(root / train)
        (root / test).mkdir()
        name = "ID_0b10cbee_ID_f91d6a7cd2.nii.gz"
        (root / train / name).rename(root / test / name)
    import_dataset("bhsd", root, tmp_path / "out")
    rows = {row["id"]: row["split"] for row in lines_of(tmp_path / "out" / "cases.csv")}
    assert sorted(rows.values()) == ["", "", "test"] and rows["bhsd-ID_0b10cbee_ID_f91d6a7cd2"] == "test"


def test_scans_that_cannot_be_used_are_left_out_with_the_reason(own_source, tmp_path) -> None:
    root = own_source("instance") / "train_2"
    pairs = {
        name: (root / "data" / f"{name}.nii.gz", root / "label" / f"{name}.nii.gz")
        for name in ("004", "005", "006", "007", "008")
    }
    for image, mask in pairs.values():
        write_pair(image, mask, {1: LEFT})
    pairs["004"][1].unlink()
    volume = read_volume(pairs["005"][0])
    write_image(pairs["005"][1], np.zeros((SHAPE_KJI[0] - 1, *SHAPE_KJI[1:]), np.uint8), volume.ijk_to_lps)
    moved = volume.ijk_to_lps.copy()
    moved[2, 3] += 8
    write_image(pairs["006"][1], np.zeros(SHAPE_KJI, np.uint8), moved)
    pairs["007"][0].write_bytes(pairs["007"][0].read_bytes()[:2000])
    write_image(pairs["008"][0], np.clip(volume.array, 0, 100).astype(np.uint8), volume.ijk_to_lps)
    write_pair(tmp_path / "unused.nii.gz", root / "label" / "009.nii.gz", {1: LEFT})
    done = import_dataset("instance", root.parent, tmp_path / "out")
    assert done.used == 3
    reasons = done.left_out
    assert reasons["instance-004"] == "There is no mask of this scan."
    assert reasons["instance-005"] == "The mask has 52 x 52 x 31 voxels, the image 52 x 52 x 32."
    assert reasons["instance-006"].startswith("By their headers, image and mask lie up to 8.0 mm apart.")
    assert "cut short or damaged" in reasons["instance-007"]
    assert "not a CT in Hounsfield units" in reasons["instance-008"]
    assert reasons["instance-009"] == "There is a mask in label, but no scan."
    report = {row["id"]: row for row in lines_of(tmp_path / "out" / "import-report.csv")}
    assert len(report) == 9
    assert {case: row["reason"] for case, row in report.items() if row["used"] == "no"} == reasons
    assert {row["id"] for row in lines_of(tmp_path / "out" / "cases.csv")} == report.keys() - reasons.keys()


def test_masks_with_a_wrong_header_are_used_only_where_one_says_so(own_source, tmp_path) -> None:
    source = own_source("bhsd")
    name = "ID_2db7ee14_ID_2591d00dfc.nii.gz"
    mask = source / "label_192" / "ground truths" / name
    array = read_volume(mask).array
    write_image(mask, array, np.diag([-1.0, -1.0, 1.0, 1.0]))  # as programs write that know no place
    assert import_dataset("bhsd", source, tmp_path / "strict").used == 2
    done = import_dataset("bhsd", source, tmp_path / "trusting", trust=Trust(voxels=True))
    assert done.used == 3 and list(done.notes) == ["bhsd-ID_2db7ee14_ID_2591d00dfc"]
    row = lines_of(tmp_path / "trusting" / "cases.csv")[1]
    assert row["mask"] == "masks/bhsd-ID_2db7ee14_ID_2591d00dfc.nii.gz"
    image, written = (read_volume(tmp_path / "trusting" / row[column]) for column in ("image", "mask"))
    assert np.array_equal(written.array, array) and np.allclose(written.ijk_to_lps, image.ijk_to_lps, atol=1e-3)
    assert set(prepare_folder(tmp_path / "trusting", tmp_path / "cache", GRID)) == {"", "train", "validation", "test"}


def test_masks_less_than_a_pixel_beside_their_image_are_taken_voxel_by_voxel(own_source, tmp_path) -> None:
    source = own_source("instance")
    mask = source / "train_2" / "label" / "001.nii.gz"
    volume = read_volume(mask)
    beside = volume.ijk_to_lps.copy()
    beside[0, 3] += 0.9
    write_image(mask, volume.array, beside)
    turned = beside.copy()
    turned[:2, :2] = turned[:2, :2] @ [[0.99, 0.14], [-0.14, 0.99]]  # a corner is some centimetres away
    other = mask.with_name("002.nii.gz")
    write_image(other, read_volume(other).array, turned)
    done = import_dataset("instance", source, tmp_path / "out")
    assert done.notes == {
        "instance-001": ("The mask's header places it 0.9 mm beside the image; its voxels were trusted.",)
    }
    assert done.left_out["instance-002"].startswith("By their headers, image and mask lie up to")
    assert len(prepare_folder(tmp_path / "out", tmp_path / "cache", GRID)[""]) == 2


def tilted(volume: Volume, degrees: float, thickness_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """The matrix of slices tilted by a gantry, IJK to LPS; and the one that a program writes which loses the tilt."""
    angle = np.radians(degrees)
    sheared, lost = volume.ijk_to_lps.copy(), volume.ijk_to_lps.copy()
    down = np.array([0.0, np.cos(angle), np.sin(angle)]) * volume.spacing_mm[1]
    sheared[:3, 1] = lost[:3, 1] = down
    sheared[:3, 2] = (0.0, 0.0, thickness_mm / np.cos(angle))
    lost[:3, 2] = np.array([0.0, -np.sin(angle), np.cos(angle)]) * thickness_mm / np.cos(angle)
    return sheared, lost


@pytest.mark.parametrize("restore", [False, True])
def test_a_gantry_tilt_that_was_lost_is_told_or_put_back(own_source, tmp_path, restore: bool) -> None:
    source = own_source("bhsd")
    name = "ID_0b10cbee_ID_f91d6a7cd2.nii.gz"
    paths = [source / "label_192" / part / name for part in ("images", "ground truths")]
    volumes = [read_volume(path) for path in paths]
    sheared, lost = tilted(volumes[0], 22.0, 6.0)
    for path, volume in zip(paths, volumes):
        write_image(path, volume.array, lost)
    arguments = ["datasets", "import", "bhsd", str(source), str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments + ["--restore-tilt"] * restore)
    assert done.exit_code == 0, done.output
    assert ("1 scans have lost their gantry's tilt, of up to 22°" in done.output) is not restore
    row = lines_of(tmp_path / "out" / "cases.csv")[0]
    assert (tmp_path / "out" / "images").exists() is restore
    image, mask = (read_volume(tmp_path / "out" / row[column]) for column in ("image", "mask"))
    right = sheared if restore else lost
    for read, before in zip((image, mask), volumes):
        assert np.allclose(read.ijk_to_lps, right, atol=1e-3) and np.array_equal(read.array, before.array)
    ml = np.count_nonzero(mask.array) * abs(np.linalg.det(right[:3, :3])) / 1000
    assert float(row["volume_ml"]) == pytest.approx(ml, rel=1e-3)
    report = lines_of(tmp_path / "out" / "import-report.csv")[0]["notes"]
    assert ("22°, which the files had lost, was put back" if restore else "volumes are 7.9 % too large") in report


@pytest.mark.parametrize(
    ("degrees", "thickness_mm", "found"),
    [(22.0, 5.0, 22.0), (14.0, 2.5, 14.0), (3.0, 5.0, 0.0), (0.0, 5.0, 0.0), (22.0, 5.0 * np.cos(np.radians(22)), 0.0)],
    ids=["tilted", "thin", "too little to matter", "upright", "oblique slices that are 5 mm apart"],
)
def test_a_lost_tilt_is_known_by_its_spacing(degrees: float, thickness_mm: float, found: float) -> None:
    volume, _ = head_phantom(SHAPE_KJI, STEPS_MM)
    sheared, lost = tilted(volume, degrees, thickness_mm)
    assert lost_tilt(replace(volume, ijk_to_lps=lost)) == pytest.approx(found, abs=0.01)
    assert lost_tilt(replace(volume, ijk_to_lps=sheared)) == 0
    if found:
        assert np.allclose(with_tilt(replace(volume, ijk_to_lps=lost)), sheared)


def test_slices_that_cannot_be_so_close_are_named(own_source, tmp_path) -> None:
    source = own_source("bhsd")
    name = "ID_0b10cbee_ID_f91d6a7cd2.nii.gz"
    for part in ("images", "ground truths"):
        path = source / "label_192" / part / name
        volume = read_volume(path)
        flat = volume.ijk_to_lps @ np.diag([1, 1, 0.5 / volume.spacing_mm[2], 1])
        write_image(path, volume.array, flat)
    reason = import_dataset("bhsd", source, tmp_path / "out").left_out["bhsd-ID_0b10cbee_ID_f91d6a7cd2"]
    assert reason.endswith("By its header its 32 slices are 0.5 mm apart, 16 mm in all.")


def test_bhsd_as_nnu_net_wants_it(own_source, tmp_path) -> None:
    root = own_source("bhsd") / "label_192"
    (root / "images").rename(root / "imagesTr")
    (root / "ground truths").rename(root / "labelsTr")
    for path in list((root / "imagesTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
    labels = ["background", "epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural"]
    record = {"labels": {name: value for value, name in enumerate(labels)}, "channel_names": {"0": "CT"}}
    (root / "dataset.json").write_text(json.dumps(record))
    done = import_dataset("bhsd", root, tmp_path / "out")
    assert (done.used, done.patients, done.left_out) == (3, 2, {})
    for changed in ({"background": 0, "hemorrhage": 1}, {"0": "background", "1": "SDH", "5": "EDH"}):
        (root / "dataset.json").write_text(json.dumps({"labels": changed}))
        with pytest.raises(InputError, match="in BHSD it is “edh”"):
            import_dataset("bhsd", root, tmp_path / "other")


def test_an_older_ct_ich_is_known(tmp_path) -> None:
    (tmp_path / "old" / "Patients_CT" / "049" / "brain").mkdir(parents=True)
    with pytest.raises(InputError, match="older version of CT-ICH"):
        import_dataset("ct-ich", tmp_path / "old", tmp_path / "out")


def test_values_that_the_data_set_does_not_have_are_no_bleeds(own_source, tmp_path) -> None:
    source = own_source("bhsd")
    name = "ID_0b10cbee_ID_f91d6a7cd2.nii.gz"
    write_pair(source / "label_192" / "images" / name, source / "label_192" / "ground truths" / name, {7: LEFT})
    done = import_dataset("bhsd", source, tmp_path / "out")
    assert done.left_out == {"bhsd-ID_0b10cbee_ID_f91d6a7cd2": "The mask holds the value 7, which BHSD does not have."}


def test_table_and_mask_that_disagree_are_noted(own_source, tmp_path) -> None:
    root = next(own_source("ct-ich").iterdir())
    table = root / "hemorrhage_diagnosis_raw_ct.csv"
    text = table.read_text().replace("95,10,0,0,0,0,0,1,0", "95,10,0,0,1,0,0,0,0")
    table.write_text(text + "49,33,0,0,0,0,0,1,0\n")
    done = import_dataset("ct-ich", root, tmp_path / "out")
    assert done.notes == {
        "ct-ich-049": ("The table has 33 slices, the scan 32.",),
        "ct-ich-095": ("The table says sah, but the mask is empty.",),
    }


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_other_layouts_are_refused_in_words(sources, tmp_path, name: str) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        import_dataset(name, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=f"not laid out as {LAYOUTS[name].title}") as refused:
        import_dataset(name, tmp_path / "empty", tmp_path / "out")
    assert refused.value.hint == LAYOUTS[name].expected
    for other in set(sources) - {name}:
        with pytest.raises(InputError, match="not laid out as"):
            import_dataset(name, sources[other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tables_that_are_not_ct_ichs_are_refused(own_source, tmp_path) -> None:
    root = next(own_source("ct-ich").iterdir())
    table = root / "hemorrhage_diagnosis_raw_ct.csv"
    table.write_text(table.read_text().replace("Epidural", "EDH"))
    with pytest.raises(InputError, match="has no column Epidural"):
        import_dataset("ct-ich", root, tmp_path / "out")
    table.write_text(table.read_text().replace("EDH", "Epidural").replace("49,2,", "forty,2,"))
    with pytest.raises(InputError, match="line 3: a number cannot be read"):
        import_dataset("ct-ich", root, tmp_path / "out")
    table.unlink()
    with pytest.raises(InputError, match=r"no hemorrhage_diagnosis_raw_ct\.csv"):
        import_dataset("ct-ich", root, tmp_path / "out")


def test_two_copies_of_a_data_set_or_a_manifest_that_is_there_are_refused(own_source, tmp_path) -> None:
    source = own_source("instance")
    shutil.copytree(source / "train_2", source / "copy")
    with pytest.raises(InputError, match="several times"):
        import_dataset("instance", source, tmp_path / "out")
    import_dataset("instance", source / "copy", tmp_path / "out")
    with pytest.raises(InputError, match="holds a cases"):
        import_dataset("instance", source / "copy", tmp_path / "out")
    with pytest.raises(InputError, match="Known: bhsd, ct-ich, instance") as unknown:
        import_dataset("rsna", source, tmp_path / "other")
    assert "no reader for “rsna”" in unknown.value.message


def test_nothing_usable_or_stopped_leaves_no_manifest(own_source, tmp_path) -> None:
    source = own_source("instance")
    for mask in (source / "train_2" / "label").iterdir():
        mask.unlink()
    with pytest.raises(InputError, match="None of the 3 scans"):
        import_dataset("instance", source, tmp_path / "out")
    assert not (tmp_path / "out" / "cases.csv").exists()
    assert len(lines_of(tmp_path / "out" / "import-report.csv")) == 3
    with pytest.raises(Cancelled):
        import_dataset(
            "instance", own_source("bhsd").parent / "instance-source", tmp_path / "o2", cancelled=lambda: True
        )
    assert not (tmp_path / "o2" / "cases.csv").exists()


def test_command_says_what_was_left_out(sources, tmp_path) -> None:
    done = CliRunner().invoke(
        app, ["datasets", "import", "ct-ich", str(sources["ct-ich"]), str(tmp_path / "out"), "--jobs", "2"]
    )
    assert done.exit_code == 0, done.output
    assert "3 scans of 3 patients" in done.output
    assert "Left out (1):" in done.output and "ct-ich-059: A table names this patient" in done.output
    listed = CliRunner().invoke(app, ["datasets", "list"])
    assert all(f"{name}  {LAYOUTS[name].title}" in listed.output for name in LAYOUTS)
