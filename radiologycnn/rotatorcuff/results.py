"""Result records of the rotator cuff task: probabilities, and where the network looked, as plain JSON-able records.

Light on purpose: the Slicer panel imports this, so nothing here needs more than the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

from radiologycnn.images.affine import triple
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES, TearClass, target_name

Triple = tuple[float, float, float]

#: Of the search for the humeral head: below it nothing was found, and the cube is left to the person.
LEAST_CONFIDENCE = 0.4
#: How the note ends on a scan that goes by the name of another part of the body.
NOT_A_SHOULDER = ", not a shoulder."


@dataclass(frozen=True)
class RegionRecord:
    """The cube around the humeral head that the network saw.

    Attributes:
        centre_lps_mm: its centre in LPS.
        edge_mm: length of its edges.
        directions_lps: 3x3, rows of the matrix whose columns are the directions of the cube's i, j and k axes.
        automatic: found, not placed by a person.
        confidence: of the search, 0-1; 1 for a person's own.
    """

    centre_lps_mm: Triple
    edge_mm: float
    directions_lps: tuple[Triple, Triple, Triple]
    automatic: bool
    confidence: float

    @property
    def is_placed(self) -> bool:
        """Whether the humeral head was found, or a person has put the cube on it; else it lies in the middle."""
        return not self.automatic or self.confidence >= LEAST_CONFIDENCE

    def to_dict(self) -> dict[str, Any]:
        return _plain(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> RegionRecord:
        """Inverse of :meth:`to_dict`, also for what went through JSON."""
        l_row, p_row, s_row = (triple(row) for row in record["directions_lps"])
        return cls(
            triple(record["centre_lps_mm"]),
            float(record["edge_mm"]),
            (l_row, p_row, s_row),
            bool(record["automatic"]),
            float(record["confidence"]),
        )


@dataclass(frozen=True)
class RepeatSummary:
    """How the probabilities varied over repeated runs; quartiles as (first, median, third).

    Attributes:
        method: "mc_dropout" (dropout drawn as in training), "tta" (shifted, turned and brightened copies of the cube)
            or "models" (several models).
        count: of runs.
        class_quartiles: one triple a class.
        tear_quartiles: of the probability of a tear of any size.
        predicted_counts: how often each class was the most probable one.
    """

    method: str
    count: int
    class_quartiles: tuple[Triple, ...]
    tear_quartiles: Triple
    predicted_counts: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        return _plain(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> RepeatSummary:
        """Inverse of :meth:`to_dict`, also for what went through JSON."""
        return cls(
            record["method"],
            int(record["count"]),
            tuple(tuple(triple) for triple in record["class_quartiles"]),
            tuple(record["tear_quartiles"]),
            tuple(int(count) for count in record["predicted_counts"]),
        )


@dataclass(frozen=True)
class CamEvidence:
    """Where the network looked for one target: never the place or size of a tear itself.

    Attributes:
        target: class index, or "tear_versus_none".
        method: "cam" or "grad_cam".
        score: what the map explains: the class's logit, or the log odds of a tear.
        peak_ras_mm: where the map peaks (``peak_place``), in RAS; None where no place speaks for the target.
        peak_value: the raw map's largest value, in units of the score.
        threshold: share of the peak from which a place counts for extent and volume.
        extent_mm: size along R-L, A-P and S-I of the box around the places above the threshold that hang together with
            the peak; zeros without a peak.
        volume_ml: of the same places.
    """

    target: int | str
    method: str
    score: float
    peak_ras_mm: Triple | None
    peak_value: float
    threshold: float
    extent_mm: Triple
    volume_ml: float

    @property
    def target_name(self) -> str:
        """What a person reads for the target."""
        return target_name(self.target)

    def to_dict(self) -> dict[str, Any]:
        return _plain(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> CamEvidence:
        """Inverse of :meth:`to_dict`, also for what went through JSON."""
        peak = record["peak_ras_mm"]
        return cls(
            **{
                **record,
                "peak_ras_mm": None if peak is None else tuple(peak),
                "extent_mm": tuple(record["extent_mm"]),
            }
        )


@dataclass(frozen=True)
class Classification:
    """What the network says of a shoulder.

    Attributes:
        probabilities: one a class, in the order of ``TEAR_CLASSES``; sum 1.
        predicted: index of the most probable class.
        tear_probability: of a tear of any size: 1 - P(None).
        repeats: how these numbers varied over repeated runs, where those were asked for.
        side: "left", "right" or "unknown".
        mirrored: the shoulder was mirrored for the network, which learned right ones; every place given here is the
            patient's own.
        plane: of the scan: "coronal", "sagittal", "axial" or "unknown".
        weighting: "T1", "T2", "PD" or "unknown".
        roi: the cube that the network saw.
        evidence: one record for each target and method.
        tear_threshold: the model's operating point: tear probability from which it says that there is one.
    """

    probabilities: tuple[float, ...]
    predicted: int
    tear_probability: float
    repeats: RepeatSummary | None
    side: str
    mirrored: bool
    plane: str
    weighting: str
    roi: RegionRecord
    evidence: tuple[CamEvidence, ...]
    tear_threshold: float = 0.5

    @property
    def predicted_class(self) -> TearClass:
        """The most probable class."""
        return TEAR_CLASSES[self.predicted]

    @property
    def words(self) -> str:
        """The answer in words, with the size definition: "Medium tear (1-3 cm)"."""
        return self.predicted_class.words

    def evidence_for(self, target: int | str, method: str = "cam") -> CamEvidence | None:
        """The record of one target and method; None where there is none."""
        return next((one for one in self.evidence if one.target == target and one.method == method), None)

    def to_dict(self) -> dict[str, Any]:
        return _plain(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Classification:
        """Inverse of :meth:`to_dict`, also for what went through JSON."""
        repeats = record["repeats"]
        return cls(
            **{
                **record,
                "probabilities": tuple(record["probabilities"]),
                "repeats": None if repeats is None else RepeatSummary.from_dict(repeats),
                "roi": RegionRecord.from_dict(record["roi"]),
                "evidence": tuple(CamEvidence.from_dict(one) for one in record["evidence"]),
            }
        )


def percent(share: float, digits: int = 1) -> str:
    """A share (0-1) in per cent, without the unit; never 0 or 100 where it is not."""
    text = f"{100 * share:.{digits}f}"
    if float(text) == 0 < share:
        return f"< {10**-digits:.{digits}f}"
    if float(text) == 100 and share < 1:
        return f"> {100 - 10**-digits:.{digits}f}"
    return text


def place_text(ras_mm: Sequence[float], digits: int = 1) -> str:
    """A place (R, A, S in mm), each coordinate with the side it lies on, as Slicer's views say it: "L 20.5, …"."""
    letters = (("R", "L"), ("A", "P"), ("S", "I"))
    return ", ".join(f"{pair[value < 0]} {abs(value):.{digits}f}" for pair, value in zip(letters, ras_mm)) + " mm"


def csv_rows(classification: Classification, caution: str = "") -> list[list[str]]:
    """The answer as text cells, heading first, one row a quantity: for CSV and table views.

    Columns: name, value, unit, and the quartiles over the repeats (empty without repeats). Numbers are written with
    ``repr`` precision, so that the command line and the panel give the same digits. ``caution`` is why the answer is
    not to be relied on, as ``radiologycnn.rotatorcuff.caution`` says it.
    """
    repeats = classification.repeats
    empty = ("", "", "")
    rows: list[tuple[Any, ...]] = [("name", "value", "unit", "first_quartile", "median", "third_quartile")]
    rows.append(("predicted_class", classification.predicted_class.name, classification.words, *empty))
    rows.append(("caution", caution, "", *empty))
    for tear_class, probability in zip(TEAR_CLASSES, classification.probabilities, strict=True):
        quartiles = repeats.class_quartiles[tear_class.index] if repeats else empty
        rows.append((f"probability_{tear_class.key}", probability, "1", *quartiles))
    quartiles = repeats.tear_quartiles if repeats else empty
    rows.append(("probability_tear", classification.tear_probability, "1", *quartiles))
    rows.append(("tear_threshold", classification.tear_threshold, "1", *empty))
    if repeats:
        rows.append(("repeat_method", repeats.method, "", *empty))
        rows.append(("repeat_count", repeats.count, "1", *empty))
        for tear_class, count in zip(TEAR_CLASSES, repeats.predicted_counts, strict=True):
            rows.append((f"repeats_predicting_{tear_class.key}", count, "1", *empty))
    for name in ("side", "mirrored", "plane", "weighting"):
        value = getattr(classification, name)
        rows.append((name, str(value).lower() if isinstance(value, bool) else value, "", *empty))
    roi = classification.roi
    left, posterior, superior = roi.centre_lps_mm
    for axis, value in zip("ras", (-left, -posterior, superior)):
        rows.append((f"roi_centre_{axis}", value, "mm", *empty))
    rows.append(("roi_edge", roi.edge_mm, "mm", *empty))
    rows.append(("roi_automatic", str(roi.automatic).lower(), "", *empty))
    rows.append(("roi_confidence", roi.confidence, "1", *empty))
    return [[str(cell) for cell in row] for row in rows]


def evidence_rows(classification: Classification) -> list[list[str]]:
    """Where the network looked as text cells, heading first, one row for each target and method; lengths in mm."""
    rows: list[tuple[Any, ...]] = [
        ("target", "method", "score", "peak_r_mm", "peak_a_mm", "peak_s_mm", "peak_value", "threshold")
        + ("extent_rl_mm", "extent_ap_mm", "extent_si_mm", "volume_ml")
    ]
    for one in classification.evidence:
        peak = one.peak_ras_mm or ("", "", "")
        about_peak = (one.target_name, one.method, one.score, *peak, one.peak_value)
        rows.append((*about_peak, one.threshold, *one.extent_mm, one.volume_ml))
    return [[str(cell) for cell in row] for row in rows]


def _plain(value: Any) -> Any:
    """Records as dicts and tuples as lists, as JSON would give them back, so that a record is equal before and after.

    ``asdict`` copies each number with care, which a panel that shows a result cannot wait for.
    """
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value
