"""Simulated head CT with exact bleed labels: anatomy, bleeds, confounders, scanner physics."""

from radiologycnn.simulation.head_ct.config import HeadCtConfig
from radiologycnn.simulation.head_ct.simulate import BLEED_LABELS, SimulatedHeadCt, simulate_head_ct

__all__ = ["BLEED_LABELS", "HeadCtConfig", "SimulatedHeadCt", "simulate_head_ct"]
