"""The colour tables that Slicer reads from its share folder, written anew, for the real colour logic to read.

The core package has the logic but none of the files. Written are those that code may rely on by node ID: the
perceptually ordered maps (the same published tables as Slicer's files of these names), and the default colours of
label maps, of which only the node ID is Slicer's.
"""

import colorsys
from pathlib import Path

import matplotlib

PERCEPTUAL = ("Viridis", "Plasma", "Inferno", "Magma", "Cividis")


def write_color_files(share: Path) -> None:
    """Write ``ColorFiles/*.txt`` (value, name, red, green, blue, opacity of 0-255 a line) into the share folder."""
    folder = share / "ColorFiles"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PERCEPTUAL:
        colors = matplotlib.colormaps[name.lower()].colors  # Slicer's files cut the decimals off
        _write(folder / f"{name}.txt", [(str(value), *color, 1.0) for value, color in enumerate(colors)])
    labels = [("background", 0.0, 0.0, 0.0, 0.0)]
    for value in range(1, 256):  # steps of the golden angle keep neighbours apart
        labels.append((f"label_{value}", *colorsys.hsv_to_rgb(value * 0.618 % 1.0, 0.6, 0.9), 1.0))
    _write(folder / "GenericColors.txt", labels)


def _write(path: Path, colors: list[tuple[str, float, float, float, float]]) -> None:
    lines = [
        " ".join([str(value), name, *(str(int(255 * component)) for component in rgba)])
        for value, (name, *rgba) in enumerate(colors)
    ]
    path.write_text("\n".join(lines) + "\n")
