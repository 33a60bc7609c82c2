"""Annotation: cases, masks that raters have corrected, and their decisions, kept as a dataset that training reads."""
