"""Improving a model: fine-tuning on accepted corrections, kept only where it is better on cases held out."""
