"""The two U-Nets that Arab 2020 compares with: of patches (Cicek 2016) and of slices (Ironside 2019).

Both learn through the training loop of CNN-DS, with its loss (the originals' are not stated, or are a weighted
cross-entropy) and from the same cases. The patches are cut from the grid that CNN-DS sees whole, so that only the field
of view differs; the slices keep their number and a finer grid in plane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from radiologycnn.baselines.cnn_ds import prepared_on_grid
from radiologycnn.baselines.interface import Fit, Learning, ScanCase, Segmenter, network_size
from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images.affine import voxel_ml
from radiologycnn.images.grid import reorient_to_lps
from radiologycnn.images.volume import Volume
from radiologycnn.networks.unet import SliceWise, UNet
from radiologycnn.networks.unet_options import UNetOptions
from radiologycnn.training.checkpoints import CHECKPOINT_NAME, LOG_NAME, logged_seconds
from radiologycnn.training.hemorrhage.cases import PreparedCase, load_case, save_case
from radiologycnn.training.hemorrhage.run import preprocessing_of
from radiologycnn.training.hemorrhage.settings import TrainingSettings
from radiologycnn.training.hemorrhage.trainer import SegmentationLoop

WEIGHTS_NAME = "weights.pt"
_THRESHOLD = 0.5

Draw = Callable[[np.ndarray, np.ndarray, torch.Generator], tuple[np.ndarray, np.ndarray]]


class DrawnPartsLoop(SegmentationLoop):
    """Learns from parts that are drawn from each case anew, such as patches or some slices.

    Args:
        draw: image and mask (K, J, I) of a case to parts of them, shape (parts, k, j, i).
    """

    def __init__(self, draw: Draw, *args: Any) -> None:
        super().__init__(*args)
        self.draw = draw

    def load(self, path: Path, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        case = load_case(path)
        image, mask = self.draw(case.image.astype(np.float32), case.mask.astype(np.float32), generator)
        return tuple(torch.from_numpy(np.ascontiguousarray(parts))[:, None] for parts in (image, mask))


class TrainedSegmenter(Segmenter):
    """What they share: training, weights on disk, facts. A subclass says how cases are prepared and what is learned."""

    settings: TrainingSettings
    device: str

    def build(self) -> None:
        """Make the network, its weights drawn by the seed."""
        torch.manual_seed(self.settings.seed)
        self.network = self.make_network().to(self.device)

    def make_network(self) -> nn.Module:
        raise NotImplementedError

    def make_loop(self, *args: Any) -> SegmentationLoop:
        """The training loop; arguments as of :class:`radiologycnn.training.loop.TrainingLoop`."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """For the report, beside the number of parameters."""
        return {}

    def prepared(self, learning: Learning[ScanCase]) -> list[list[Path]]:
        """Files of the training and of the validation cases."""
        raise NotImplementedError

    def learn(self, learning: Learning[ScanCase]) -> Fit:
        folder, settings = learning.folder, self.settings
        path = folder / WEIGHTS_NAME
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            paths = self.prepared(learning)
            optimizer = torch.optim.Adam(self.network.parameters(), settings.learning_rate, eps=1e-7)
            loop = self.make_loop(self.network, optimizer, settings, *paths, folder, self.device, learning.cancelled)
            result = loop.run((folder / CHECKPOINT_NAME).exists(), learning.progress)
            partial = path.with_suffix(".part")
            torch.save(result.state_dict, partial)
            partial.replace(path)
        self.network.load_state_dict(torch.load(path, map_location=self.device, weights_only=True))
        self.network.eval()
        log = folder / LOG_NAME
        return Fit(logged_seconds(log), log, {"parameters": network_size(self.network), **self.facts()})


class _DrawnUNetSegmenter(TrainedSegmenter):
    """A U-Net that learns from parts which :meth:`draw` draws."""

    options: UNetOptions

    def build(self) -> None:
        # Patches and slices are not halved before, and their augmentation would need whole heads.
        self.settings = replace(self.settings, coarse_epochs=0, augment=False)
        super().build()

    def make_network(self) -> nn.Module:
        network = UNet(self.options)
        return SliceWise(network) if self.options.dimensions == 2 else network

    def make_loop(self, *args: Any) -> SegmentationLoop:
        return DrawnPartsLoop(self.draw, *args)

    def draw(self, image: np.ndarray, mask: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        return {"options": self.options.to_dict()}


class PatchUNetSegmenter(_DrawnUNetSegmenter):
    """3D U-Net on patches, put together from overlapping ones with weights that fall off from their middle."""

    name = "patch_unet"
    title = "Patch-wise 3D U-Net"

    def __init__(
        self, settings: TrainingSettings, options: UNetOptions, patch_size: int = 64, device: str = "cpu"
    ) -> None:
        self.settings, self.options, self.device = settings, options, device
        shape = settings.grid_shape_ijk[::-1]
        self.patch = tuple(min(patch_size, side) for side in shape)
        self.build()

    def prepared(self, learning: Learning[ScanCase]) -> list[list[Path]]:
        return prepared_on_grid(learning, self.settings)

    def draw(self, image: np.ndarray, mask: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Two patches: one around a voxel of blood where there is blood, one anywhere."""
        places = np.argwhere(mask > 0)
        images, masks = [], []
        for on_blood in (True, False):
            room = np.array(image.shape) - self.patch
            if on_blood and len(places):
                centre = places[int(torch.randint(len(places), (), generator=generator))]
                start = np.clip(centre - np.array(self.patch) // 2, 0, room)
            else:
                start = np.array([int(torch.randint(int(r) + 1, (), generator=generator)) for r in room])
            box = tuple(slice(s, s + n) for s, n in zip(start, self.patch))
            images.append(image[box])
            masks.append(mask[box])
        return np.stack(images), np.stack(masks)

    def predict(self, volume: Volume) -> np.ndarray:
        prepared = preprocessing_of(self.settings).prepare(volume)
        return prepared.to_scan(self.sliding_window(prepared.array)) >= _THRESHOLD

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


@dataclass(frozen=True)
class SliceRecipe:
    """The preparation of slices (Ironside 2019, as Arab 2020 words it): window, z-score, curvature flow, in this order.

    Attributes:
        size: of a slice in pixels; 512 keeps a CT's own.
        window_hu: 30-130.
        flow_steps, flow_time: of the curvature flow; common values, not the paper's.
        closing_mm: of the reference masks, in plane; the size is not stated.
    """

    size: int = 512
    window_hu: tuple[float, float] = (30.0, 130.0)
    flow_steps: int = 5
    flow_time: float = 0.125
    closing_mm: float = 1.0

    def grid(self, volume: Volume) -> Preprocessing:
        """The scan's own slices at the recipe's size."""
        slices = reorient_to_lps(volume).array.shape[0]
        return Preprocessing((self.size, self.size, slices), self.window_hu, "clamp_then_resample", True, 1.0)

    def denoised(self, windowed: np.ndarray) -> np.ndarray:
        """Slices (K, J, I) with mean 0 and standard deviation 1 over the scan, smoothed along their edges."""
        import SimpleITK as sitk

        scored = (windowed - windowed.mean()) / max(float(windowed.std()), 1e-6)
        flow = sitk.CurvatureFlowImageFilter()
        flow.SetTimeStep(self.flow_time)
        flow.SetNumberOfIterations(self.flow_steps)
        slices = (flow.Execute(sitk.GetImageFromArray(one.astype(np.float32))) for one in scored)
        return np.stack([sitk.GetArrayFromImage(one) for one in slices]).astype(np.float32)

    def closed(self, mask: np.ndarray, pixel_mm: float) -> np.ndarray:
        """The reference mask with its small gaps closed, slice by slice."""
        steps = round(self.closing_mm / pixel_mm)
        if not steps:
            return mask
        cross = ndimage.generate_binary_structure(2, 1)[None]
        padded = np.pad(mask > 0, ((0, 0), (steps, steps), (steps, steps)))
        closed = ndimage.binary_closing(padded, cross, steps)
        return closed[:, steps:-steps, steps:-steps].astype(mask.dtype)


class SliceUNetSegmenter(_DrawnUNetSegmenter):
    """2D U-Net on each slice, stacked."""

    name = "slice_unet"
    title = "Slice-based 2D U-Net"

    def __init__(
        self,
        settings: TrainingSettings,
        options: UNetOptions,
        recipe: SliceRecipe = SliceRecipe(),
        slices_a_step: int = 8,
        device: str = "cpu",
    ) -> None:
        self.settings, self.options, self.device = settings, options, device
        self.recipe, self.slices_a_step = recipe, slices_a_step
        self.build()

    def prepared(self, learning: Learning[ScanCase]) -> list[list[Path]]:
        cache = learning.folder.parent / f"cases-slices-{self.recipe.size}"

        def prepare(case: ScanCase) -> None:
            volume, mask = case.read()
            ready = self.recipe.grid(volume).prepare(volume)
            pixel = float(np.linalg.norm(ready.ijk_to_lps[:3, 0]))
            closed = self.recipe.closed(ready.labels_to_network(mask.astype(np.uint8)), pixel)
            image = self.recipe.denoised(ready.array).astype(np.float16)
            save_case(PreparedCase(case.id, image, closed, voxel_ml(ready.ijk_to_lps)), cache)

        return learning.prepared(cache, prepare)

    def draw(self, image: np.ndarray, mask: np.ndarray, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Some slices as one part, half of them with blood where there is blood."""
        with_blood = np.flatnonzero(mask.any(axis=(1, 2)))
        chosen = []
        for number in range(self.slices_a_step):
            among = with_blood if number % 2 == 0 and len(with_blood) else np.arange(len(image))
            chosen.append(int(among[int(torch.randint(len(among), (), generator=generator))]))
        return image[chosen][None], mask[chosen][None]

    @torch.no_grad()
    def predict(self, volume: Volume) -> np.ndarray:
        ready = self.recipe.grid(volume).prepare(volume)
        batch = torch.from_numpy(self.recipe.denoised(ready.array))[None, None].to(self.device)
        probability = torch.sigmoid(self.network(batch).float())[0, 0].cpu().numpy()
        return ready.to_scan(probability) >= _THRESHOLD
