"""Numbers and names of figures as people read them."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """ "1 case", "2 cases"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def figure_words(name: str) -> str:
    """ "volume_error_ml" as "volume error (mL)"."""
    parts = [{"ml": "(mL)", "mm": "(mm)"}.get(part, part) for part in name.split("_")]
    return " ".join(parts)


__all__ = ["counted", "figure_words"]
