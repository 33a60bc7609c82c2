"""What a segmented label means: name, colour and SNOMED CT codes, as a model package states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class LabelDefinition:
    """One label of a segmentation model.

    Attributes:
        value: voxel value in a label map, from 1.
        name: what the person reads.
        color_rgb: three floats in 0-1.
        category, type, region: (SNOMED CT code, meaning), as in Slicer's terminology; region may be None.
    """

    value: int
    name: str
    color_rgb: tuple[float, float, float]
    category: tuple[str, str] = ("49755003", "Morphologically Altered Structure")
    type: tuple[str, str] = ("50960005", "Hemorrhage")
    region: tuple[str, str] | None = ("12738006", "Brain")

    def terminology(self) -> str:
        """Serialized terminology entry as Slicer's segment tag holds it (category, type, modifier, region)."""
        region = "~".join(("SCT", *self.region)).replace("~", "^") if self.region else "^^"
        return "~".join(
            (
                "Segmentation category and type - DICOM master list",
                "^".join(("SCT", *self.category)),
                "^".join(("SCT", *self.type)),
                "^^",
                "Anatomic codes - DICOM master list" if self.region else "",
                region,
                "^^",
            )
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> LabelDefinition:
        """Inverse of :meth:`to_dict`; lists from JSON become tuples."""
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in record.items()}
        return cls(**fields)


HEMORRHAGE = LabelDefinition(1, "Hemorrhage", (0.86, 0.16, 0.12))

# Colours that are told apart without red or green vision too: by CIELAB distance at least 28 with neither (Machado
# 2009), 19 without blue, 51 with all.
# Slicer's list of regions has neither the subdural nor the epidural space.
BLEED_TYPES: dict[str, LabelDefinition] = {
    "iph": LabelDefinition(1, "Intraparenchymal hemorrhage", (0.86, 0.16, 0.12)),
    "ivh": LabelDefinition(2, "Intraventricular hemorrhage", (0.15, 0.5, 0.98), region=("35764002", "Brain ventricle")),
    "sdh": LabelDefinition(3, "Subdural hemorrhage", (0.98, 0.86, 0.2), region=None),
    "edh": LabelDefinition(4, "Epidural hemorrhage", (0.0, 0.62, 0.45), region=None),
    "sah": LabelDefinition(5, "Subarachnoid hemorrhage", (0.93, 0.65, 0.93), region=("35951006", "Subarachnoid space")),
}
"""Labels of a model that tells types of bleed apart, by the names that manifests use, in the order of their values."""
