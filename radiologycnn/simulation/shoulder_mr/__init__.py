"""Simulated shoulder MR with exact tear labels: anatomy, tears, confounders, signal, scanner."""

from radiologycnn.simulation.shoulder_mr.config import ShoulderMrConfig
from radiologycnn.simulation.shoulder_mr.simulate import SimulatedShoulderMr, plan_shoulder, simulate_shoulder_mr

__all__ = ["ShoulderMrConfig", "SimulatedShoulderMr", "plan_shoulder", "simulate_shoulder_mr"]
