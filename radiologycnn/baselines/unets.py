"""The two U-Nets that Arab 2020 compares with: of patches (Cicek 2016) and of slices (Ironside 2019).

Both learn through the training loop of CNN-DS, with its loss (the originals' are not stated, or are a weighted
cross-entropy), its coarse passes and its augmentation, and from the same cases. The patches are cut from the grid that
CNN-DS sees whole, so that only the field of view differs; the slices keep their number and a finer grid in plane. Their
scale reaches 130 HU instead of 100, so that the augmentation's steps in HU are 1.3 times CNN-DS's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radiologycnn.baselines.cnn_ds import prepared_on_grid
from radiologycnn.baselines.interface import Learning, ScanCase
from radiologycnn.baselines.operating_point import MaskAt
from radiologycnn.baselines.slice_recipe import SliceRecipe
from radiologycnn.baselines.trained_segmenter import TrainedSegmenter
from radiologycnn.errors import Cancelled
from radiologycnn.hemorrhage.thresholding import mask_from_probability
from radiologycnn.images.affine import voxel_ml
from radiologycnn.images.volume import Volume
from radiologycnn.networks.unet import SliceWise, UNet
from radiologycnn.networks.unet_options import UNetOptions
from radiologycnn.training.hemorrhage.cases import PreparedCase, save_case
from radiologycnn.training.hemorrhage.run import preprocessing_of
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop
from radiologycnn.training.loading import Sample

Draw = Callable[[np.ndarray, np.ndarray, torch.Generator], tuple[np.ndarray, np.ndarray]]


class DrawnPartsLoop(SegmentationLoop):
    """Learns from parts that are drawn from each case anew, such as patches or groups of slices, a few of them a step.

    A case is augmented as a whole before parts are drawn from it, and made ready once for all of them.

    Args:
        draw: image and mask (K, J, I) of a case to parts of them, shape (parts, k, j, i).
        parts_a_step: of each case of a batch, as many as memory is to hold.
        coarse_step_kji: as of the base.
    """

    def __init__(self, draw: Draw, parts_a_step: int, coarse_step_kji: tuple[int, int, int], *args: Any) -> None:
        super().__init__(*args)
        self.draw, self.parts_a_step, self.coarse_step_kji = draw, parts_a_step, coarse_step_kji

    def parts(self, image: Tensor, mask: Tensor, generator: torch.Generator) -> Sample:
        found = self.draw(image[0, 0].numpy(), mask[0, 0].numpy(), generator)
        return tuple(torch.from_numpy(np.ascontiguousarray(one))[:, None] for one in found)

    def _step(self, samples: Sequence[Sample], cases: int) -> Tensor:
        """So many steps of the optimizer as the parts need; returns their mean loss."""
        most = max(self.team.gather(max((len(sample[0]) for sample in samples), default=0)))
        losses = []
        for first in range(0, most, self.parts_a_step):
            if any(self.team.gather(self.cancelled())):
                raise Cancelled
            few = slice(first, first + self.parts_a_step)
            share = [tuple(column[few] for column in sample) for sample in samples if len(sample[0]) > first]
            losses.append(super()._step(share, cases))
        return torch.stack(losses).mean()

    def _loss(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        if torch.is_grad_enabled():
            return super()._loss(image, mask)
        # All parts of a validation case come at once; memory holds no more of them than while training.
        total, logits = torch.zeros((), device=self.device), []
        for few in zip(image.split(self.parts_a_step), mask.split(self.parts_a_step)):
            loss, found = super()._loss(*few)
            total += loss * len(found)
            logits.append(found.cpu())
        return total / len(image), torch.cat(logits)


class _DrawnUNetSegmenter(TrainedSegmenter):
    """A U-Net that learns from parts which :meth:`draw` draws."""

    options: UNetOptions
    parts_a_step: int
    coarse_step_kji = (2, 2, 2)

    def make_network(self) -> nn.Module:
        network = UNet(self.options)
        return SliceWise(network) if self.options.dimensions == 2 else network

    def make_loop(self, *args: Any) -> SegmentationLoop:
        return DrawnPartsLoop(self.draw, self.parts_a_step, self.coarse_step_kji, *args)

    @abstractmethod
    def draw(self, image: np.ndarray, mask: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
        """As of :class:`DrawnPartsLoop`."""

    def facts(self) -> dict[str, Any]:
        return {"options": self.options.to_dict()}


class PatchUNetSegmenter(_DrawnUNetSegmenter):
    """3D U-Net on patches, put together from overlapping ones with weights that fall off from their middle.

    Args:
        patch_size: voxels of the grid a side.
        patches: of a case and epoch; None takes as many as cover the grid, so that the network sees as many voxels in
            an epoch as CNN-DS does.
    """

    name = "patch_unet"
    title = "Patch-wise 3D U-Net"
    parts_a_step = 2

    def __init__(
        self,
        settings: TrainingSettings,
        options: UNetOptions,
        patch_size: int = 64,
        device: str = "cpu",
        patches: int | None = None,
    ) -> None:
        self.settings, self.options, self.device, self.patches = settings, options, device, patches
        shape = settings.grid_shape_ijk[::-1]
        self.patch = tuple(min(patch_size, side) for side in shape)
        self.build()

    def prepared(self, learning: Learning[ScanCase]) -> list[list[Path]]:
        return prepared_on_grid(learning, self.settings)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "left_out": ["the original's weighted cross-entropy, SGD and elastic deformation"]}

    def draw(self, image: np.ndarray, mask: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Patches by turns around a voxel of blood, where there is blood, and anywhere."""
        shape = np.array(image.shape)
        patch = np.minimum(self.patch, shape)  # the coarse grid may be smaller
        places = np.argwhere(mask > 0)
        images, masks = [], []
        for number in range(self.patches or int(np.prod(-(-shape // patch)))):
            if number % 2 == 0 and len(places):
                centre = places[int(torch.randint(len(places), (), generator=generator))]
                start = np.clip(centre - patch // 2, 0, shape - patch)
            else:
                start = [int(torch.randint(int(room) + 1, (), generator=generator)) for room in shape - patch]
            box = tuple(slice(s, s + n) for s, n in zip(start, patch))
            images.append(image[box])
            masks.append(mask[box])
        return np.stack(images), np.stack(masks)

    def outlined(self, volume: Volume) -> MaskAt:
        ready = preprocessing_of(self.settings).prepare(volume)
        probability = ready.to_scan(self.sliding_window(ready.array))
        return lambda threshold: mask_from_probability(probability, threshold) > 0

    @torch.no_grad()
    def sliding_window(self, image: np.ndarray) -> np.ndarray:
        """Probability, float32 (K, J, I), from patches that overlap by half."""
        weight = _bell(self.patch)
        total, weights = np.zeros(image.shape, np.float32), np.zeros(image.shape, np.float32)
        starts = [_starts(side, patch) for side, patch in zip(image.shape, self.patch)]
        for k in starts[0]:
            for j in starts[1]:
                for i in starts[2]:
                    box = tuple(slice(s, s + n) for s, n in zip((k, j, i), self.patch))
                    batch = torch.from_numpy(np.ascontiguousarray(image[box]))[None, None].to(self.device)
                    found = torch.sigmoid(self.network(batch).float())[0, 0].cpu().numpy()
                    total[box] += weight * found
                    weights[box] += weight
        return total / weights


def _bell(shape: Sequence[int]) -> np.ndarray:
    """Weights of a patch's voxels: a Gaussian of an eighth of its side, as sliding windows use; never 0."""
    axes = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in shape]
    return np.maximum(np.einsum("k,j,i->kji", *axes), 1e-3).astype(np.float32)


def _starts(side: int, patch: int) -> list[int]:
    return sorted({*range(0, side - patch, max(patch // 2, 1)), side - patch})


class SliceUNetSegmenter(_DrawnUNetSegmenter):
    """2D U-Net on each slice, stacked.

    Args:
        slices_a_step: a group of them is a part; a case has as many groups an epoch as hold all its slices.
    """

    name = "slice_unet"
    title = "Slice-based 2D U-Net"
    parts_a_step = 1
    coarse_step_kji = (1, 2, 2)  # slices lie far apart already

    def __init__(
        self,
        settings: TrainingSettings,
        options: UNetOptions,
        recipe: SliceRecipe = SliceRecipe(),
        slices_a_step: int = 8,
        device: str = "cpu",
    ) -> None:
        is_paper = settings.preset == "paper"
        self.settings = replace(settings, learning_rate=recipe.learning_rate) if is_paper else settings
        self.options, self.device = options, device
        self.recipe, self.slices_a_step = recipe, slices_a_step
        self.build()

    def prepared(self, learning: Learning[ScanCase]) -> list[list[Path]]:
        cache = learning.folder.parent / f"cases-slices-{self.recipe.size}-hu"

        def prepare(case: ScanCase) -> None:
            volume, mask = case.read()
            ready = self.recipe.grid(volume).prepare(volume)
            pixel = float(np.linalg.norm(ready.ijk_to_lps[:3, 0]))
            closed = self.recipe.closed(ready.labels_to_network(mask.astype(np.uint8)), pixel)
            save_case(PreparedCase(case.id, ready.array.astype(np.float16), closed, voxel_ml(ready.ijk_to_lps)), cache)

        return learning.prepared(cache, prepare)

    def facts(self) -> dict[str, Any]:
        rate = f"the learning rate of the other networks ({self.settings.learning_rate:g} here)"
        return {**super().facts(), "left_out": [rate] if self.settings.preset == "paper" else []}

    def draw(self, image: np.ndarray, mask: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Groups of slices, half of each with blood where there is blood."""
        image, with_blood = self.recipe.denoised(image), np.flatnonzero(mask.any(axis=(1, 2)))
        groups = -(-len(image) // self.slices_a_step)
        chosen = []
        for number in range(groups * self.slices_a_step):
            among = with_blood if number % 2 == 0 and len(with_blood) else np.arange(len(image))
            chosen.append(int(among[int(torch.randint(len(among), (), generator=generator))]))
        shape = (groups, self.slices_a_step, *image.shape[1:])
        return image[chosen].reshape(shape), mask[chosen].reshape(shape)

    @torch.no_grad()
    def outlined(self, volume: Volume) -> MaskAt:
        ready = self.recipe.grid(volume).prepare(volume)
        image = torch.from_numpy(self.recipe.denoised(ready.array))[None, None].to(self.device)
        probability = ready.to_scan(torch.sigmoid(self.network(image).float())[0, 0].cpu().numpy())
        return lambda threshold: mask_from_probability(probability, threshold) > 0
