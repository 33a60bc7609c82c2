"""RadiologyCNN's engine: images, networks, inference, training and simulation, without Slicer, Qt or VTK."""

__version__ = "0.1.0"
