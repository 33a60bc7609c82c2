"""Names that Windows keeps for devices: no file can be made under them there, in any folder and with any ending."""

from __future__ import annotations

#: Microsoft, “Naming Files, Paths, and Namespaces”; the digits may be written small and raised, too.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}


def is_reserved(name: str) -> bool:
    """Whether Windows has a device of that name, whatever ending, dots or spaces follow it."""
    return name.partition(".")[0].rstrip(" ").casefold() in _DEVICES
