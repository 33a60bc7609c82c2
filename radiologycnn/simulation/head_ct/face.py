"""The face as HU, slab by slab: orbits with globes and their muscles, nose, jaw, cheekbones and maxillary sinuses.

Each part is an ellipsoid or a bent tube, alike on both sides; mm in the head frame, the forehead at y = -87. Positions:
textbook values, roughly. What matters is that they look like a face and are no brain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.head_ct.fields import Slab, blend, ellipsoid, fraction, tube
from radiologycnn.simulation.head_ct.person import Person
from radiologycnn.simulation.shapes import tube_box

FOREHEAD_MM = 87.0


@dataclass(frozen=True)
class _Part:
    """``points`` of a tube (side, y, z, radius), or centre and radii of an ellipsoid; ``shell_mm``: only its rind."""

    points: tuple[tuple[float, ...], ...]
    hu: float
    shell_mm: float = 0.0

    @property
    def box(self) -> tuple[tuple, tuple]:
        if len(self.points[0]) == 4:
            return tube_box(self.points, 2.0)
        centre, radii = np.array(self.points)
        return tuple(centre - radii - 2), tuple(centre + radii + 2)

    def distance(self, side: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        if len(self.points[0]) == 4:
            depth = tube(side, y, z, self.points)
        else:
            depth = ellipsoid(side, y, z, *self.points)
        return np.minimum(depth, self.shell_mm - depth) if self.shell_mm else depth


_ORBIT = ((31.0, -82.0, -36.0, 20.0), (29.0, -70.0, -36.0, 18.0), (15.0, -42.0, -34.0, 4.0))
_GLOBE = (31.0, -79.0, -36.0)
_MAXILLARY = ((25.0, -66.0, -74.0), (14.0, 15.0, 17.0))
_NOSE = ((0.0, -64.0, -72.0), (13.0, 27.0, 22.0))

#: Later ones are drawn over earlier ones. HU: fat -90, muscle and nerve 45, cortical bone 700-1200, vitreous 10 [anat].
_PARTS = (
    _Part(((48, -62, -52, 5.0), (60, -46, -52, 3.0), (67, -18, -49, 2.2), (64, 0, -46, 3.0)), 1000.0),
    _Part(((50.0, -3.0, -52.0, 5.0), (50.0, -6.0, -60.0, 4.0), (46.0, -14.0, -100.0, 4.5)), 1300.0),
    _Part(((50.0, -3.0, -52.0, 3.2), (50.0, -6.0, -60.0, 2.2), (46.0, -14.0, -100.0, 2.7)), 350.0),
    _Part(((15.0, -34.0, -48.0, 1.2), (15.0, -28.0, -66.0, 1.0), (17.0, -26.0, -84.0, 0.9)), 700.0),
    _Part(_MAXILLARY, 900.0, 1.3),
    _Part(_NOSE, 600.0, 1.1),
    _Part((_MAXILLARY[0], (12.7, 13.7, 15.7)), -1000.0),
    _Part((_NOSE[0], (11.9, 25.9, 20.9)), -1000.0),
    _Part(((0.0, -64.0, -72.0), (0.8, 26.0, 21.0)), 300.0),
    _Part(((7.0, -63.0, -84.0), (3.2, 20.0, 5.5)), 50.0),
    _Part(((5.5, -60.0, -71.0), (2.4, 18.0, 5.5)), 50.0),
    _Part(((4.5, -56.0, -59.0), (1.8, 12.0, 4.0)), 50.0),
    _Part(_ORBIT, 900.0, 1.3),
    _Part(tuple((*point[:3], point[3] - 1.3) for point in _ORBIT), -85.0),
    _Part(((31.0, -68.0, -36.0, 2.0), (24.0, -52.0, -35.0, 1.8), (15.0, -40.0, -34.0, 1.8)), 40.0),
    _Part(((19.5, -72.0, -36.0, 1.2), (17.0, -58.0, -35.0, 2.0), (14.0, -42.0, -34.0, 1.4)), 48.0),
    _Part(((42.5, -72.0, -36.0, 1.2), (35.0, -57.0, -35.0, 2.0), (17.0, -42.0, -34.0, 1.4)), 48.0),
    _Part(((31.0, -70.0, -25.0, 1.2), (25.0, -56.0, -26.0, 2.0), (15.0, -42.0, -32.0, 1.4)), 48.0),
    _Part(((31.0, -70.0, -47.0, 1.2), (25.0, -56.0, -44.0, 2.0), (15.0, -42.0, -36.0, 1.4)), 48.0),
    _Part((_GLOBE, (12.0, 12.0, 12.0)), 50.0),
    _Part((_GLOBE, (11.0, 11.0, 11.0)), 10.0),
    _Part(((31.0, -88.5, -36.0), (4.5, 2.3, 4.5)), 75.0),
)


def render_face(slab: Slab, hu: np.ndarray, person: Person, head: np.ndarray) -> None:
    """Draw the face into the slab's ``hu``, in place.

    Args:
        head: depth under the skin, mm; nothing is drawn in the skin.
    """
    x, y, z = slab.fine_axes
    if z.min() > 0:  # all of it lies lower
        return
    y = y + (person.half_length_mm - FOREHEAD_MM)
    for part in _PARTS:
        (_, front, low), (wide, back, high) = part.box
        rows, heights, columns = (
            slice(*np.searchsorted(axis.ravel(), ends))
            for axis, ends in ((y, (front, back)), (z, (low, high)), (x, (-wide, wide)))
        )
        window = (heights, rows, columns)
        if not hu[window].size:
            continue
        places = np.broadcast_arrays(np.abs(x[:, :, columns]), y[:, rows], z[heights])
        share = fraction(part.distance(*places), slab.fine_mm) * fraction(head[window] - 2.5, slab.fine_mm)
        blend(hu[window], share, part.hu)
