"""What RadiologyCNN's panels share inside Slicer: panel base, worker jobs, volume exchange, installer, model choice."""
