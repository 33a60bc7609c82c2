"""What an import finds wrong with a scan or its mask: left out with the reason, mended where told to, or noted."""

import numpy as np
from engine.datasets.made_up_folders import GRID, LEFT, lines_of, write_pair
from engine.head_folder import SHAPE_KJI

from radiologycnn.datasets.examination import Trust
from radiologycnn.datasets.importing import import_dataset
from radiologycnn.images import read_volume, write_image
from radiologycnn.training.hemorrhage.cases import prepare_folder


def test_scans_that_cannot_be_used_are_left_out_with_the_reason(own_source, tmp_path) -> None:
    root = own_source("instance") / "train_2"
    pairs = {
        name: (root / "data" / f"{name}.nii.gz", root / "label" / f"{name}.nii.gz")
        for name in ("004", "005", "006", "007", "008", "010")
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
    pairs["010"][1].write_bytes(pairs["010"][1].read_bytes()[:300])
    write_pair(tmp_path / "unused.nii.gz", root / "label" / "009.nii.gz", {1: LEFT})
    done = import_dataset("instance", root.parent, tmp_path / "out")
    assert done.used == 3
    reasons = done.left_out
    assert reasons["instance-004"] == "There is no mask of this scan."
    assert reasons["instance-005"] == "The mask has 52 x 52 x 31 voxels, the image 52 x 52 x 32."
    assert reasons["instance-006"].startswith("By their headers, image and mask lie up to 8.0 mm apart.")
    assert reasons["instance-007"].startswith("The file 007.nii.gz is cut short or damaged")
    assert reasons["instance-010"].startswith("Its mask cannot be used. The file 010.nii.gz is cut short or damaged")
    assert "not a CT in Hounsfield units" in reasons["instance-008"]
    assert reasons["instance-009"] == "There is a mask in label, but no scan."
    report = {row["id"]: row for row in lines_of(tmp_path / "out" / "import-report.csv")}
    assert len(report) == 10
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
