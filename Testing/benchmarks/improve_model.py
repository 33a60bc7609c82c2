"""Benchmark of *Improve the model*: what corrections of one kind of bleed, badly segmented so far, are worth.

``python -m Testing.benchmarks.improve_model FOLDER [--cases 27] [--kind sdh] [--matrix 192] [--seed 555]`` from the
repository's root draws scans with that bleed alone, accepts their true masks as a careful annotator's corrections into
``FOLDER/dataset``, and runs ``radiologycnn improve`` on it, whose lines show the Dice on the held-out cases before and
after each pass. A run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from radiologycnn.annotation.records import ACCEPTED, Decision, Mask
from radiologycnn.annotation.store import AnnotationStore
from radiologycnn.simulation.head_ct import HeadCtConfig, simulate_head_ct

KINDS = ("iph", "ivh", "sdh", "edh", "sah")


def corrections(folder: Path, cases: int, kind: str, matrix: int, seed: int) -> None:
    """A dataset of ``cases`` scans with bleeds of one kind alone, the true masks accepted; those there are kept."""
    config = HeadCtConfig().with_matrix(matrix)
    weights = {name: float(name == kind) for name in KINDS}
    config = replace(config, bleeds=replace(config.bleeds, bleed_free=0.0, primary_weights=weights, second_bleed=0.0))
    store = AnnotationStore(folder, "ab")
    names = store.add_sources([(f"{kind}-{seed}-{index}", "") for index in range(cases)])
    for index, case in enumerate(names.values()):
        if store.begin(case).status == ACCEPTED:
            continue
        scan = simulate_head_ct(index, seed, config)
        store.write_scan(case, np.round(scan.volume.array).astype(np.int16), scan.volume.ijk_to_lps)
        store.decide(case, Decision(ACCEPTED, Mask.of_whole((scan.mask > 0).astype(np.uint8))))
        print(f"{case}: {scan.truth['mask_ml']:.1f} mL", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=27, help="a quarter of them is held out")
    parser.add_argument("--kind", choices=KINDS, default="sdh")
    parser.add_argument("--matrix", type=int, default=192)
    parser.add_argument("--seed", type=int, default=555)
    parser.add_argument("--model", help="the first installed one where it is not named")
    chosen = parser.parse_args()
    corrections(chosen.folder / "dataset", chosen.cases, chosen.kind, chosen.matrix, chosen.seed)
    command = [sys.executable, "-m", "radiologycnn", "improve", str(chosen.folder / "dataset")]
    command += ["-o", str(chosen.folder / "models"), "--device", "cpu"]
    command += ["--model", chosen.model] if chosen.model else []
    raise SystemExit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
