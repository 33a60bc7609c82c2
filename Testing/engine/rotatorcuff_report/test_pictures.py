"""The report's pictures: the peak, the anatomy around it, and files that others read."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiologycnn.images.png import png_bytes
from radiologycnn.rotatorcuff.pictures import colors, slice_pictures
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES


def test_pictures_show_the_peak_in_the_middle_and_the_anatomy_around_it(volume):
    grid = np.eye(4)
    centre = (volume.ijk_to_ras @ [*((np.array(volume.array.shape[::-1]) - 1) / 2), 1])[:3]
    grid[:3, :3] *= 5
    grid[:3, 3] = centre * [-1, -1, 1] - 5 * 7
    one = np.zeros((15, 15, 15), np.float32)
    one[7, 7, 7] = 1
    pictures = slice_pictures(volume, one, grid, tuple(centre), "Medium")
    assert [picture.edges for picture in pictures] == [tuple("RLSI"), tuple("APSI"), tuple("RLAP")]
    for picture in pictures:
        assert "Medium" in picture.caption
        pixels = decoded(picture.png)
        colorful = np.ptp(pixels[:, :300].astype(int), axis=2) > 40
        rows, columns = np.nonzero(colorful)
        assert abs(rows.mean() - 149.5) < 3 and abs(columns.mean() - 149.5) < 3
        grey = pixels[150, 60:110].mean(), pixels[150, 110:130].mean()
        assert grey[0] < grey[1]  # the ball is brighter than what lies around it


def test_png_is_read_by_another_program_as_it_was_written():
    generator = np.random.default_rng(3)
    for shape in ((5, 7), (4, 6, 3)):
        picture = generator.integers(0, 256, size=shape).astype(np.uint8)
        assert np.array_equal(decoded(png_bytes(picture)), picture)
    with pytest.raises(ValueError, match="uint8"):
        png_bytes(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="uint8"):
        png_bytes(np.zeros((4, 4, 4), np.uint8))


def test_the_colours_become_lighter_all_the_way():
    lightness = colors(np.linspace(0, 1, 100)) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    classes = np.array([tear_class.color_rgb for tear_class in TEAR_CLASSES[1:]]) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(classes) < -0.1).all()


def decoded(png):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        path.write_bytes(png)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
