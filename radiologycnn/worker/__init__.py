"""The background process that runs the networks for Slicer: JSON lines in, JSON lines out."""
