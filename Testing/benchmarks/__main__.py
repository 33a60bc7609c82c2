"""All benchmarks by one command, ended by one table of every figure: ``python -m Testing.benchmarks``.

Parts can be chosen (``--parts network segment``); ``--quick`` measures each with few repeats. Each part is a program of
its own, because the memory of the panel's process is among its figures; scans and networks are made once for all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from Testing.benchmarks.prepare import REPOSITORY
from Testing.benchmarks.table import Row, render

#: Part: its program, and the scan that it needs.
PARTS = {
    "network": ("backends", None),
    "segment": ("segment_click", "head"),
    "classify": ("classify_click", "shoulder"),
    "annotate": ("annotate", "annotate"),
    "size": ("input_size", "head"),
    "folder": ("folder_throughput", "head"),
    "peers": ("peers", "head"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="few repeats, small networks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE as well")
    options = parser.parse_args()
    record: dict[str, dict] = {}
    rows: list[Row] = []
    failed = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        for part in [part for part in PARTS if part in options.parts]:  # a scan is made by the first that needs it
            result = Path(temporary) / f"{part}.json"
            start = time.monotonic()
            print(f"\n=== {part} ===", flush=True)
            if subprocess.run(_command(part, options.quick, Path(temporary), result), **_where()).returncode:
                failed.append(part)
                continue
            record[part] = json.loads(result.read_text())
            record[part]["minutes"] = round((time.monotonic() - start) / 60, 2)
            rows += [Row(**{k: v for k, v in row.items() if k != "is_missed"}) for row in record[part]["rows"]]
    print(f"\n{'=' * 92}\nAll figures\n{'=' * 92}\n{render(rows)}")
    missed = [f"{part}: {row['name']}" for part, one in record.items() for row in one["rows"] if row["is_missed"]]
    print(f"\nTargets missed: {len(missed)}{': ' + '; '.join(missed) if missed else ''}")
    print("Minutes: " + ", ".join(f"{part} {one['minutes']:.1f}" for part, one in record.items()))
    if options.json:
        options.json.write_text(json.dumps(record, indent=2))
    if failed:
        sys.exit(f"These parts did not end well: {', '.join(failed)}")


def _command(part: str, quick: bool, temporary: Path, result: Path) -> list[str]:
    program, scan = PARTS[part]
    command = [sys.executable, "-m", f"Testing.benchmarks.{program}", "--json", str(result)]
    if quick:
        command.append("--quick")
    return command + (["--work", str(temporary / scan)] if scan else [])


def _where() -> dict:
    return {"cwd": REPOSITORY, "env": {"QT_QPA_PLATFORM": "offscreen", **os.environ}}


if __name__ == "__main__":
    main()
