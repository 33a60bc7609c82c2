"""Made-up folders in the layouts of the public data sets, with heads and bleeds of known place and size."""

import csv
import struct
from pathlib import Path

import numpy as np
from engine.hand_made import head_phantom
from engine.head_folder import SHAPE_KJI, STEPS_MM

from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images import read_volume, write_image

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
