"""The two papers again, by one command: what they print as data, what a run finds, and both beside each other."""
