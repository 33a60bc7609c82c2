"""``make demo``: a simulated head CT, the shipped panel, Segment clicked; what it measured beside the truth.

Without a display it draws offscreen and ends; with one it shows the window and waits until the person closes it.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "Testing")]

# This scan of the simulator's population has a lobar bleed and no gantry tilt, so that it is one plain NIfTI file.
SEED, INDEX = 2020, 2
PATIENCE_S = 300.0


def simulated_scan(folder: Path) -> tuple[Path, np.ndarray, dict]:
    """Write the scan and its true mask as NIfTI; return the scan's path, the true mask (KJI) and the known truth."""
    from radiologycnn.images import write_image
    from radiologycnn.simulation.head_ct import simulate_head_ct

    scan = simulate_head_ct(INDEX, SEED)
    path = folder / "simulated-head-ct.nii.gz"
    write_image(path, scan.volume.array, scan.volume.ijk_to_lps)
    write_image(folder / "simulated-head-ct-truth.nii.gz", scan.mask, scan.volume.ijk_to_lps)
    (folder / "simulated-head-ct-truth.json").write_text(json.dumps(scan.truth, indent=2))
    return path, scan.mask, scan.truth


def segment_by_click(host, volume_node) -> tuple[object, float]:
    """Choose the scan in the panel, click Segment and wait; return the result and the seconds from click to result.

    Raises:
        SystemExit: the panel refused or failed; its own words are printed.
    """
    widget = host.load_module(REPOSITORY / "HemorrhageSeg")
    ui = widget.ui
    ui.inputVolumeSelector.setCurrentNode(volume_node)
    results: list[object] = []
    problems: list[str] = []
    widget.logic.finished.connect(results.append)
    widget.logic.failed.connect(lambda error: problems.append(f"{error.message} {error.hint}"))
    host.process_events(PATIENCE_S, until=lambda: widget.logic.client.state == "ready")
    start = time.perf_counter()
    host.click(ui.segmentButton)
    host.process_events(PATIENCE_S, until=lambda: bool(results or problems))
    seconds = time.perf_counter() - start
    if not results:
        raise SystemExit(f"The demo did not get a result: {problems[0] if problems else 'no answer in time'}")
    ui.show3DCheckBox.checked = True
    host.process_events(2.0)
    return results[0], seconds


def write_outputs(host, result, folder: Path) -> np.ndarray:
    """Screenshot, scene, mask and table into ``folder``; return the mask as the scene holds it (KJI)."""
    import slicer
    from HemorrhageSegLib import Export

    host.screenshot(folder / "HemorrhageSeg.png")
    slicer.util.saveScene(str(folder / "scene.mrb"))
    Export.exportSegmentation(result, folder / "hemorrhage.seg.nrrd")
    Export.exportCsv(result, folder / "lesions.csv")
    segmentation = result.segmentationNode
    masks = [
        slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, result.volumeNode) > 0
        for segment in segmentation.GetSegmentation().GetSegmentIDs()
    ]
    return np.logical_or.reduce(masks)


def print_comparison(
    result, mask: np.ndarray, truth_mask: np.ndarray, truth: dict, seconds: float, folder: Path
) -> None:
    """What was measured, beside the truth that the simulator knows."""
    measured_ml = result.measurements.total_volume_ml
    dice = 2 * np.logical_and(mask, truth_mask).sum() / (mask.sum() + truth_mask.sum())
    bleeds = ", ".join(f"{b['kind']} {b['place']}".strip() for b in truth["bleeds"])
    print()
    print(f"Simulated head CT {SEED}/{INDEX}: {bleeds}, {truth['bleeds'][0]['side']}")
    print(f"  true volume      {truth['mask_ml']:8.2f} mL")
    print(f"  measured volume  {measured_ml:8.2f} mL   (ABC/2 {result.measurements.total_abc2_ml:.2f} mL)")
    print(f"  Dice             {dice:8.3f}")
    print(f"  click to result  {seconds:8.2f} s")
    print("Demonstration model, trained on simulated scans. Not for patients.")
    print()
    print(f"Written to {folder}{os.sep}")
    for path in sorted(folder.iterdir()):
        print(f"  {path.name:32} {path.stat().st_size / 1e6:7.2f} MB")


def main() -> None:
    """Run the demo."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for what is made")
    arguments.add_argument("--offscreen", action="store_true", help="no window, even where there is a display")
    options = arguments.parse_args()
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    print("Simulating a head CT with a known bleed ...", flush=True)
    path, truth_mask, truth = simulated_scan(folder)
    print("Starting the stand-in for Slicer ...", flush=True)
    from host import SlicerHost

    host = SlicerHost(offscreen=True if options.offscreen else None)
    try:
        volume_node = host.load_volume(path)
        print("Segmenting ...", flush=True)
        result, seconds = segment_by_click(host, volume_node)
        mask = write_outputs(host, result, folder)
        print_comparison(result, mask, truth_mask, truth, seconds, options.output)
        if not host.offscreen:
            print("Close the window to end the demo.", flush=True)
            host.run()
    finally:
        host.close()


if __name__ == "__main__":
    main()
