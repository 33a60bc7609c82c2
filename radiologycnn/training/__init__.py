"""Training: what both tasks share; their own parts are in ``hemorrhage`` and ``rotatorcuff``."""
