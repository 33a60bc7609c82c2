"""Squares of a slice's pixels as channels of one voxel, and back: fine detail at the cost of the coarse grid.

Sub-pixel convolution (Shi 2016, "Real-time single image and video super-resolution using an efficient sub-pixel
convolutional neural network") within the slices of a volume. Between slices nothing changes: they are thick as it is.
"""

from __future__ import annotations

from torch import Tensor


def unshuffle_pixels(image: Tensor, factor: int) -> Tensor:
    """From shape (batch, C, K, J, I) to (batch, C * factor**2, K, J / factor, I / factor).

    Channel ``(c * factor + b) * factor + a`` holds pixel (b, a) of each square of channel c.
    """
    if factor == 1:
        return image
    batch, channels, slices, rows, columns = image.shape
    squares = image.view(batch, channels, slices, rows // factor, factor, columns // factor, factor)
    squares = squares.permute(0, 1, 4, 6, 2, 3, 5)
    return squares.reshape(batch, channels * factor**2, slices, rows // factor, columns // factor)


def shuffle_pixels(features: Tensor, factor: int) -> Tensor:
    """Inverse of :func:`unshuffle_pixels`."""
    if factor == 1:
        return features
    batch, channels, slices, rows, columns = features.shape
    squares = features.view(batch, channels // factor**2, factor, factor, slices, rows, columns)
    squares = squares.permute(0, 1, 4, 5, 2, 6, 3)
    return squares.reshape(batch, channels // factor**2, slices, rows * factor, columns * factor)
