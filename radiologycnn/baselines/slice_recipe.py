"""How the slice-based U-Net of Arab 2020 (after Ironside 2019) has its slices prepared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radiologycnn.hemorrhage.preprocessing import Preprocessing
from radiologycnn.images.grid import reorient_to_lps
from radiologycnn.images.volume import Volume


@dataclass(frozen=True)
class SliceRecipe:
    """The preparation of slices (Ironside 2019, as Arab 2020 words it): window, z-score, curvature flow, in this order.

    Attributes:
        size: of a slice in pixels; 512 keeps a CT's own.
        window_hu: 30-130.
        flow_steps, flow_time: of the curvature flow; common values, not the paper's.
        closing_mm: of the reference masks, in plane; the size is not stated.
        learning_rate: of Adam, far below CNN-DS's; with the paper's training settings only, as a network that learns
            for fewer epochs than the originals gets nowhere with it.
    """

    size: int = 512
    window_hu: tuple[float, float] = (30.0, 130.0)
    flow_steps: int = 5
    flow_time: float = 0.125
    closing_mm: float = 1.0
    learning_rate: float = 1e-4

    def grid(self, volume: Volume) -> Preprocessing:
        """The scan's own slices at the recipe's size; 0 is 0 HU, 1 the window's upper end.

        What lies below the window is kept, as augmentation brings some of it into the window.
        """
        slices, upper = reorient_to_lps(volume).array.shape[0], self.window_hu[1]
        return Preprocessing((self.size, self.size, slices), (0.0, upper), "clamp_then_resample", True, upper)

    def denoised(self, array: np.ndarray) -> np.ndarray:
        """Slices (K, J, I) with mean 0 and standard deviation 1 over the scan, smoothed along their edges.

        Args:
            array: slices on :meth:`grid`.
        """
        import SimpleITK as sitk

        windowed = np.clip(array.astype(np.float32) * self.window_hu[1], *self.window_hu)
        scored = (windowed - windowed.mean()) / max(float(windowed.std()), 1e-6)
        flow = sitk.CurvatureFlowImageFilter()
        flow.SetTimeStep(self.flow_time)
        flow.SetNumberOfIterations(self.flow_steps)
        slices = (flow.Execute(sitk.GetImageFromArray(one)) for one in scored)
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
