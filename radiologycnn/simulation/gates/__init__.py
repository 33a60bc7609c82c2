"""Gates: whether simulated scans are hard enough that only looking at them as a person does solves them."""

from radiologycnn.simulation.gates.table import Gate, format_table

__all__ = ["Gate", "format_table"]
