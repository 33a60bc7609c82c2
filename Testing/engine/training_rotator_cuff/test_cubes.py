"""The cubes that a tear classifier learns from: kept in files, cut, moved, and their masks with them."""

import numpy as np
import torch
from engine.tiny_rotator_cuff import settings
from engine.training_rotator_cuff.balls import ball

from radiologycnn.images.volume import Volume
from radiologycnn.networks.architectures import build_network
from radiologycnn.training.rotatorcuff.augmentation import changed_grey, cut_cubes, moved
from radiologycnn.training.rotatorcuff.cases import PreparedCase, load_case, prepare_case, save_case
from radiologycnn.training.rotatorcuff.settings import TrainingSettings, architecture_of
from radiologycnn.training.rotatorcuff.trainer import ClassificationLoop


def test_case_file_gives_back_what_it_holds(cases, tmp_path) -> None:
    case = ball(7)
    back = load_case(cases[7])
    assert back.tear_class == 2 and back.id == "c7"
    assert np.array_equal(back.grey, case.grey) and np.array_equal(back.mask, case.mask)
    save_case(PreparedCase("bare", case.grey, 1, None), tmp_path)
    assert load_case(tmp_path / "bare.npz").mask is None


def test_moved_cubes_keep_the_tear_under_its_mask() -> None:
    wide = torch.full((3, 1, 40, 40, 40), 60.0)
    mask = torch.zeros_like(wide)
    mask[:, :, 16:24, 16:24, 15:25] = 1
    wide = torch.where(mask > 0, torch.tensor(200.0), wide)
    places = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        cubes, masks = moved(wide, mask, (32, 32, 32), generator)
        assert cubes.shape == masks.shape == (3, 1, 32, 32, 32)
        assert cubes[masks > 0.9].min() > 180 and cubes[masks < 0.1].max() < 80
        volume = masks.sum(dim=(1, 2, 3, 4))
        assert volume.min() > 640 * 0.9**3 * 0.95 and volume.max() < 640 * 1.1**3 * 1.45
        places += [tuple(np.argwhere(one[0].numpy() > 0.5).mean(axis=0).round(2)) for one in masks]
        changed = changed_grey(cubes, generator)
        assert changed.min() >= 0 and changed.max() <= 255
        assert changed[masks > 0.9].mean() > changed[masks < 0.1].mean() + 60
    assert len(set(places)) == len(places)  # each cube on its own
    away = np.abs(np.array(places) - 15.5)
    assert away.max() < 0.1 * 32 * 1.3 + 2 and away.max() > 1


def test_an_empty_mask_stays_empty_and_changes_no_choice() -> None:
    wide = torch.rand(2, 1, 40, 40, 40, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros_like(wide)
    mask[1, :, 16:24, 16:24, 15:25] = 1
    both = [moved(wide, one, (32, 32, 32), torch.Generator().manual_seed(5)) for one in (mask, 0 * mask)]
    assert torch.equal(both[0][0], both[1][0])  # the pictures
    assert both[0][1].shape == both[1][1].shape == (2, 1, 32, 32, 32)
    assert not both[0][1][0].any() and both[0][1][1].any() and not both[1][1].any()


def test_masks_are_moved_only_where_they_teach(cases, tmp_path) -> None:
    found = []
    for weight in (0.0, 0.3):
        wanted = settings(coarse_epochs=0, localization_weight=weight)
        loop = ClassificationLoop(build_network(architecture_of(wanted)), wanted, cases, cases, tmp_path)
        found.append(loop.prepare(cases[7], torch.Generator().manual_seed(3)))
    (cubes, mask, classes), (same_cubes, taught, same_classes) = found
    assert torch.equal(cubes, same_cubes) and torch.equal(classes, same_classes)
    assert taught.any() and not mask.any()


def test_middle_of_a_case_is_the_networks_own_cube() -> None:
    """What training sees without augmentation is what inference prepares, and the mask lies on the picture."""
    array = np.zeros((22, 128, 128), np.float32)
    array[8:12, 40:60, 50:74] = 1000.0
    array[:, ::7] += 100
    matrix = np.array([[1.2, 0, 0, -20], [0, 0, 4.4, -30], [0, -1.2, 0, 70], [0, 0, 0, 1.0]])
    volume = Volume(array, matrix, modality="MR")
    for preset in ("default", "paper"):
        preprocessing = TrainingSettings.from_preset(preset, {}).preprocessing()
        centre = (matrix @ [62, 50, 10, 1])[:3]
        for side in ("right", "left"):
            case = prepare_case("a", volume, 3, preprocessing, array > 900, side, centre)
            middle = cut_cubes(torch.from_numpy(case.grey)[None, None], (64, 64, 64))[0, 0].numpy()
            prepared = preprocessing.prepare(volume, preprocessing.region(volume, centre), side)
            assert np.abs(middle - prepared.grey).max() <= 1
            assert case.grey.shape == (80, 80, 80)
            assert case.grey[case.mask].mean() > 200 and case.mask.any()
            # Partly filled voxels at the block's faces stay outside the mask.
            assert (case.grey[~case.mask] > 160).mean() < 0.02
