"""Training of the rotator cuff classifier."""
