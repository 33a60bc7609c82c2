"""One person's shoulder as numbers, and the humerus' geometry that cuff, bones and muscles share.

Positions are textbook values in mm for a head of 24 mm radius, in the shoulder frame (see :mod:`.grid`), scaled to the
person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiologycnn.simulation.shapes import soft_minimum, tube
from radiologycnn.simulation.shoulder_mr.config import AnatomyConfig
from radiologycnn.simulation.shoulder_mr.tears import Tear

REFERENCE_RADIUS_MM = 24.0
# Between the two cartilages, and the glenoid's own cartilage.
GLENOID_GAP_MM = 0.3
GLENOID_CARTILAGE_MM = 1.8


@dataclass(frozen=True)
class Person:
    """The numbers that make one shoulder, drawn before anything is rendered; mm unless said."""

    head_radius_mm: float
    acromiohumeral_mm: float
    acromion_type: str
    acromion_mm: float
    acromion_slope: float
    footprint_ml_mm: float
    footprint_ap_mm: float
    tendon_mm: float
    tendon_length_mm: float
    biceps_radius_mm: float
    biceps_arc_mm: float
    cartilage_mm: float
    cortex_mm: float
    deltoid_mm: float
    subcutaneous_mm: float
    muscle_bulk: float
    fatty_streaks: float
    joint_fluid_mm: float
    bursa_mm: float
    scapular_angle_deg: float
    facet_slope_deg: float
    left: bool

    @property
    def scale(self) -> float:
        """Size beside the shoulder that the textbooks' places are of."""
        return self.head_radius_mm / REFERENCE_RADIUS_MM


def draw_person(rng: np.random.Generator, config: AnatomyConfig) -> Person:
    """A shoulder's measures, each drawn from its range in the configuration."""
    types, weights = zip(*config.acromion_types.items())
    weights = np.asarray(weights) / sum(weights)
    ranges = ("head_radius_mm", "acromiohumeral_mm", "acromion_mm", "footprint_ml_mm", "tendon_mm", "tendon_length_mm",
              "biceps_radius_mm", "cartilage_mm", "cortex_mm", "deltoid_mm", "subcutaneous_mm", "muscle_bulk",
              "fatty_streaks", "joint_fluid_mm", "bursa_mm", "scapular_angle_deg")  # fmt: skip
    drawn = {name: float(rng.uniform(*getattr(config, name))) for name in ranges}
    return Person(
        **drawn,
        biceps_arc_mm=float(rng.uniform(*config.biceps_ahead_mm)),
        footprint_ap_mm=config.footprint_ap_mm,
        acromion_type=str(rng.choice(types, p=weights)),
        acromion_slope=float(rng.uniform(-0.05, 0.3)),
        facet_slope_deg=float(rng.uniform(30.0, 36.0)),
        left=bool(rng.random() < config.left_share),
    )


@dataclass(frozen=True)
class Humerus:
    """The humerus' geometry: head sphere, the tuberosities' facet turned about the u axis, funnel and shaft.

    Attributes:
        lift_mm: how far the head has moved up.
        margin_deg: where the articular surface ends, as angle from the top towards lateral.
    """

    person: Person
    lift_mm: float
    margin_deg: float = 38.0

    @property
    def margin(self) -> tuple[float, float]:
        """u and distance from the u axis of the articular margin."""
        angle = np.deg2rad(self.margin_deg)
        return self.person.head_radius_mm * float(np.sin(angle)), self.person.head_radius_mm * float(np.cos(angle))

    @property
    def lateral_mm(self) -> float:
        """u of the greater tuberosity's lateral rim."""
        return self.margin[0] + self.person.footprint_ml_mm * float(np.cos(np.deg2rad(self.person.facet_slope_deg)))

    @property
    def axis_drop_mm(self) -> float:
        """The tuberosities (and the ``arc`` coordinate) turn about an axis this far below the head's centre."""
        return 6.0 * self.person.scale

    @property
    def arc_radius_mm(self) -> float:
        """Radius at which ``arc`` is true to scale: the middle of the tendon at the articular margin."""
        return self.margin[1] + self.axis_drop_mm + self.person.tendon_mm / 2

    def arc(self, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Place along the cuff's breadth, mm from the top, positive forwards (``w`` from the head's centre)."""
        return self.arc_radius_mm * np.arctan2(v, w + self.axis_drop_mm)

    def _facet(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distance below the facet's plane, distance along it from the margin, and radius about the axis."""
        slope = np.deg2rad(self.person.facet_slope_deg)
        cosine, sine = np.float32(np.cos(slope)), np.float32(np.sin(slope))
        down = w + np.float32(self.axis_drop_mm)
        down += np.minimum(down, 0)  # the tuberosities end below the axis
        radius = np.sqrt(v * v + down * down) - np.float32(self.axis_drop_mm)
        u0, r0 = self.margin
        return -((u - u0) * sine + (radius - r0) * cosine), (u - u0) * cosine - (radius - r0) * sine, radius

    def proximal(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Signed distance to head and tuberosities (positive inside); ``w`` already counted from the head's centre."""
        sphere = self.person.head_radius_mm - np.sqrt(u * u + v * v + w * w)
        facet, begun, _ = self._facet(u, v, w)
        rim = self.lateral_mm
        lean = (rim - 19.5 * self.person.scale) / 45.0
        side = (rim + lean * np.minimum(w, 0) - u) / np.float32(np.hypot(1, lean))
        # The facet begins at the margin; further in, the sphere is the surface.
        return np.maximum(sphere, np.minimum(soft_minimum(facet, side, 2.0), begun + 1.5))

    def distal(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Signed distance to funnel and shaft (positive inside), mm; ``w`` as of :meth:`proximal`."""
        s = self.person.scale
        return tube(u, v, w, [(7 * s, 0, -4 * s, 18.5 * s), (7 * s, 0, -25 * s, 16 * s), (7 * s, 0, -50 * s, 12 * s),
                              (7.5 * s, 0, -130 * s, 11 * s)])  # fmt: skip

    def along(self, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Distance along the cuff from the footprint's lateral rim towards the muscle, mm."""
        _, on_facet, radius = self._facet(u, v, w)
        length = self.person.footprint_ml_mm
        turned = np.float32(np.deg2rad(self.margin_deg)) - np.arctan2(u, np.maximum(radius, 1.0))
        return np.where(on_facet > 0, length - on_facet, length + (self.person.head_radius_mm + 3) * turned)

    def groove_path(self) -> list[tuple[float, float, float, float]]:
        """Points (u, v, w, radius) of the long biceps tendon from the glenoid's top down the groove."""
        p, s = self.person, self.person.scale
        angle = p.biceps_arc_mm / self.arc_radius_mm
        drop = self.axis_drop_mm
        top = p.head_radius_mm + p.cartilage_mm + 1.6
        r = p.biceps_radius_mm
        return [
            (-0.96 * top, 0.03 * top, 0.62 * top - self.lift_mm * 0.6, r * 0.9),
            (-0.62 * top, 0.12 * top, 0.80 * top, r),
            (-0.10 * top, 0.38 * top, 0.93 * top, r),
            (0.33 * top, 0.57 * top, 0.77 * top, r),
            (14 * s, 28 * s * np.sin(angle), 28 * s * np.cos(angle) - drop, r),
            (15.5 * s, 24.0 * s, 2 * s, r),
            (14.5 * s, 18.8 * s, -18 * s, r * 0.95),
            (13 * s, 15.0 * s, -50 * s, r * 0.9),
            (12 * s, 14.0 * s, -120 * s, r * 0.9),
        ]

    def groove_carving(self) -> list[tuple[float, float, float, float]]:
        """The groove itself, a little wider and deeper than its tendon."""
        return [(u - 0.4, v - 0.7, w, r + 1.0) for u, v, w, r in self.groove_path()[4:]]


def belly_tip(person: Person, tear: Tear) -> float:
    """Where the supraspinatus' muscle begins, as angle (rad) from the top of the head towards lateral."""
    along = person.tendon_length_mm + tear.retraction_mm
    return float(np.deg2rad(38.0) - (along - person.footprint_ml_mm) / (person.head_radius_mm + 4))


def ac_joint(p: Person) -> tuple[float, float, float]:
    """Middle of the acromioclavicular joint."""
    s = p.scale
    return (-5.5 * s, 4 * s, p.head_radius_mm + p.acromiohumeral_mm + p.acromion_mm / 2 + 2.0)
