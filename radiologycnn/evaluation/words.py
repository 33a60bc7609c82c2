"""Numbers and names of figures as people read them."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """ "1 case", "2 cases"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def figure_words(name: str) -> str:
    """ "volume_error_ml" as "volume error (mL)", "within_5_mm" as "within 5 mm"."""
    words: list[str] = []
    for part in name.split("_"):
        unit = {"ml": "mL", "mm": "mm"}.get(part)
        words.append(f"({unit})" if unit and words[-2:-1] != ["within"] else unit or part)
    return " ".join(words)


def p_words(p: float | None) -> str:
    """A p-value with three decimals; very small ones as "< 0.001", none as "–"."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
