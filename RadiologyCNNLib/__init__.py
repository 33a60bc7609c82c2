"""What RadiologyCNN's panels share inside Slicer: worker process, volume exchange, installer, model choice."""
