"""A reader study of thirty empty scans whose truth is known, as files."""

from pathlib import Path

from radiologycnn.readers.answers import Answer, write_answers
from radiologycnn.readers.marks import TearMark
from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES

CASES = [f"c{number:02d}" for number in range(30)]
TRUTH = dict(zip(CASES, [0] * 10 + [1] * 4 + [2] * 5 + [3] * 6 + [4] * 5))


def written_study(folder: Path, readers: dict[str, dict[str, int]], marks: dict[str, TearMark] | None = None) -> Path:
    """Write the scans, the truth, and what each reader said of each case; returns the folder."""
    for case in CASES:
        (folder / f"{case}.nii.gz").write_bytes(b"")
    rows = "".join(f"{case},{TEAR_CLASSES[value].name}\n" for case, value in TRUTH.items())
    (folder / "truth.csv").write_text("case,tear_class\n" + rows)
    for name, said in readers.items():
        answers = [
            Answer(case, order, said[case], 10.0 + order, mark=(marks or {}).get(case))
            for order, case in enumerate(CASES, start=1)
        ]
        write_answers(folder / "readers" / f"{name}.csv", answers)
    return folder
