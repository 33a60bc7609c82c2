"""Parts of the HemorrhageSeg panel: widget, logic, parameter node, result in the scene, export, self test."""
