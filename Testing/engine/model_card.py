"""What stands on the card of every model that tests make."""

from __future__ import annotations

from typing import Any


def model_card(**fields: Any) -> dict[str, Any]:
    """A ``model.json`` without name, task, title, architecture and labels, which the fields add; they also overrule."""
    return {
        "version": "1.0.0",
        "preprocessing": {},
        "operating_threshold": 0.5,
        "licence": "Apache-2.0",
        "intended_use": "Tests.",
        "training_data": "None; the weights are written by hand or random.",
        "simulated": True,
        "performance": {},
        **fields,
    }
