"""Parts of the RotatorCuffCNN panel: widget, logic, parameter node, region, result in the scene, display, export, self test."""
