"""Stand-in for Slicer desktop: the real MRML core and Qt, and small strict stand-ins for Slicer's own widgets.

It runs the shipped panel files unchanged, in a window or offscreen: ``from host import SlicerHost``.
"""

from .keep_none import keep_none
from .slicer_host import SlicerHost

keep_none()

__all__ = ["SlicerHost"]
