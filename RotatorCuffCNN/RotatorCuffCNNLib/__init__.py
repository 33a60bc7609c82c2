"""Parts of the RotatorCuffCNN panel: widget, logic, parameters, region, result, display, export, self test."""
