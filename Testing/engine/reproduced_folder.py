"""What a reproduction leaves in its folder: checked, and compared byte by byte."""

import csv
import re
from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, by its path within the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def check_report(folder: Path, tables: tuple[str, ...], figures: tuple[str, ...]) -> str:
    """The page of a quick run on simulated scans: with these tables and figures, and nothing that is fetched."""
    for table in tables:
        with (folder / "tables" / f"{table}.csv").open(newline="", encoding="utf-8") as file:
            heading = next(csv.reader(file))
        assert heading[:2] == ["what", "paper"] and heading[3] == "note", table
    for figure in figures:
        assert (folder / "figures" / f"{figure}.svg").stat().st_size > 1000
        assert (folder / "figures" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(source.startswith("data:image/") for source in re.findall(r'(?:src|href)="([^"]*)"', page))
    assert "http" not in re.sub(r"base64,[^\"]*", "", page)
    assert "simulated: no patient" in page and "mean nothing but that every step works" in page
    return page
