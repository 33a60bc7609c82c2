"""What is wrong in the scans and masks of a data folder is said with its case, and too few of them are refused."""

import numpy as np
import pytest
from engine.head_folder import write_head_folder
from engine.training_inputs.newcomer import GRID, SETTINGS, rewrite

from radiologycnn.errors import InputError
from radiologycnn.images import read_volume, write_image
from radiologycnn.models.catalog import find_model
from radiologycnn.models.package import SIMULATED_NOTE
from radiologycnn.simulation.population import SETTINGS_NAME
from radiologycnn.training.folds import cross_validate
from radiologycnn.training.hemorrhage.cases import load_case, prepare_folder
from radiologycnn.training.hemorrhage.run import HemorrhageTask
from radiologycnn.training.task import ModelName


def test_a_mask_in_the_images_place_is_no_ct(own, tmp_path) -> None:
    rewrite(own, "scan-1.nii,mask-1.nii", "mask-1.nii,scan-1.nii")
    says = "image of case head-1 cannot be used. This scan is not a CT in Hounsfield units: its values run from 0 to 1,"
    with pytest.raises(InputError, match=says):
        prepare_folder(own, tmp_path / "cache", GRID)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda hu: hu + 1024, "scanner stores them before its offset is applied"),
        (lambda hu: np.where(hu < 0, 0, 400 - hu // 4), "no air"),  # as an MRI: air and bone are dark
        (lambda hu: np.clip(hu, 0, 80), "no air"),
    ],
    ids=["stored values", "MRI", "windowed"],
)
def test_what_segment_refuses_by_its_values_is_not_learned_from(own, tmp_path, change, says) -> None:
    volume = read_volume(own / "scan-1.nii")
    write_image(own / "scan-1.nii", change(volume.array).astype(np.int16), volume.ijk_to_lps)
    with pytest.raises(InputError, match=f"The image of case head-1 cannot be used.*{says}"):
        prepare_folder(own, tmp_path / "cache", GRID)


def test_a_scan_in_the_masks_place_is_no_mask(own, tmp_path) -> None:
    rewrite(own, "mask-1.nii", "scan-1.nii")
    with pytest.raises(InputError, match="The mask of case head-1 is no label map: its values run from -1000 to 1000"):
        prepare_folder(own, tmp_path / "cache", GRID)
    rewrite(own, "scan-1.nii,scan-1.nii", "scan-1.nii,mask-1.nii")
    volume = read_volume(own / "mask-1.nii")
    values = np.arange(volume.array.size).reshape(volume.array.shape)
    write_image(own / "mask-1.nii", (values % 257).astype(np.int16), volume.ijk_to_lps)
    with pytest.raises(InputError, match="no label map: its values run from 0 to 256"):
        prepare_folder(own, tmp_path / "cache", GRID)
    # As files with a scale keep a mask of labels to 255: nearly whole numbers, nearly 0 where nothing is marked.
    write_image(own / "mask-1.nii", (values % 256 - 0.004).astype(np.float32), volume.ijk_to_lps)
    assert load_case(prepare_folder(own, tmp_path / "cache", GRID)[""][1]).mask.any()


def test_a_model_of_scans_that_simulate_wrote_says_so(own, tmp_path) -> None:
    (own / SETTINGS_NAME).write_text("{}")
    HemorrhageTask(SETTINGS, own, device="cpu").run(tmp_path / "run", ModelName("tiny"))
    card = find_model(str(tmp_path / "run" / "tiny-0.1.0"), HemorrhageTask.name)
    assert card.simulated and card.intended_use == SIMULATED_NOTE
    assert card.title == "Hemorrhage, simulated scans" and card.training_data == "2 simulated scans of heads"
    assert card.performance["validation"]["data"].startswith("1 simulated scan, ")


def test_a_mask_beside_its_image_is_refused_with_the_distance(own, tmp_path) -> None:
    volume = read_volume(own / "mask-1.nii")
    moved = volume.ijk_to_lps.copy()
    moved[0, 3] += 30
    write_image(own / "mask-1.nii", volume.array, moved)
    with pytest.raises(InputError, match="case head-1 is not on its image's grid: they lie up to 30"):
        prepare_folder(own, tmp_path / "cache", GRID)
    write_image(own / "mask-1.nii", volume.array[1:], volume.ijk_to_lps)
    with pytest.raises(InputError, match="it has 52 x 52 x 31 voxels, the image 52 x 52 x 32"):
        prepare_folder(own, tmp_path / "cache", GRID)


@pytest.mark.parametrize(("name", "column"), [("scan-1.nii", "image"), ("mask-1.nii", "mask")])
def test_what_is_wrong_in_a_file_is_said_with_its_case(own, tmp_path, name: str, column: str) -> None:
    volume = read_volume(own / name)
    values = volume.array.astype(np.float32)
    values[3, 4:9, 5] = np.nan
    write_image(own / name, values, volume.ijk_to_lps)
    says = f"The {column} of case head-1 cannot be used. 5 of 86528 voxels .* are not numbers"
    with pytest.raises(InputError, match=says) as told:
        prepare_folder(own, tmp_path / "cache", GRID)
    assert "Replace them" in told.value.hint


@pytest.mark.parametrize(
    ("splits", "patients", "says"),
    [
        (("test", "test", "test"), "abc", "no case to train on: the column split has 3 for test"),
        (("train", "train", "test"), "abc", "no case to validate on: the column split has 2 for train, 1 for test"),
        (("", "", "test"), "aab", "Cases of one patient are too few to train and validate"),
    ],
)
def test_too_few_cases_are_refused_before_any_scan_is_read(own, tmp_path, splits, patients, says) -> None:
    lines = [f"head-{n},scan-{n}.nii,mask-{n}.nii,{patients[n]},{split}" for n, split in enumerate(splits)]
    (own / "cases.csv").write_text("\n".join(["id,image,mask,patient,split", *lines]))
    for path in own.glob("*.nii"):
        path.write_bytes(b"not a scan")
    with pytest.raises(InputError, match=says):
        HemorrhageTask(SETTINGS, own, device="cpu").run(tmp_path / "run", ModelName("tiny"))
    assert not (tmp_path / "run").exists()


def test_nothing_is_learned_from_empty_masks(own, tmp_path) -> None:
    for number in range(3):
        volume = read_volume(own / f"mask-{number}.nii")
        write_image(own / f"mask-{number}.nii", np.zeros_like(volume.array), volume.ijk_to_lps)
    with pytest.raises(InputError, match="All 2 cases to train on are “no bleed”"):
        HemorrhageTask(SETTINGS, own, device="cpu").run(tmp_path / "run", ModelName("empty"))


def test_folds_whose_training_would_see_no_bleed_are_refused_before_the_first(tmp_path) -> None:
    data = write_head_folder(tmp_path / "heads", ("a", "b", "c", "d", "e", "f"), without_bleed=(0, 1, 2, 3, 4))
    with pytest.raises(InputError, match="Fold 1: all 2 cases to train on are “no bleed”"):
        cross_validate(HemorrhageTask(SETTINGS, data, device="cpu"), tmp_path / "run", 2, ModelName("tiny"))
    assert not list((tmp_path / "run").glob("fold-*"))
