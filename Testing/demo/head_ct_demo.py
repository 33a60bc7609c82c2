"""The demo's first part: a simulated head CT with a known bleed, Segment clicked in HemorrhageSeg."""

import json
from pathlib import Path

import numpy as np

from demo.panels import click_and_wait, open_panel

# This scan of the simulator's population has a lobar bleed and no gantry tilt, so that it is one plain NIfTI file.
SEED, INDEX = 2020, 2


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


def run(host, folder: Path) -> list[str]:
    """Simulate, segment by a click, write what came out; return what was measured, beside the truth, line by line.

    Raises:
        SystemExit: the panel refused or failed; its own words are printed.
    """
    print("Simulating a head CT with a known bleed ...", flush=True)
    path, truth_mask, truth = simulated_scan(folder)
    volume_node = host.load_volume(path)
    print("Segmenting ...", flush=True)
    widget = open_panel(host, "HemorrhageSeg", volume_node)
    result, seconds = click_and_wait(host, widget, widget.ui.segmentButton)
    widget.ui.show3DCheckBox.checked = True
    host.process_events(2.0)
    mask = _write_outputs(host, result, folder)
    return _comparison(result, mask, truth_mask, truth, seconds)


def _write_outputs(host, result, folder: Path) -> np.ndarray:
    """Screenshot, scene, mask and table into ``folder``; return the mask as the scene holds it (KJI)."""
    import slicer
    from HemorrhageSegLib import Export

    host.screenshot(folder / "HemorrhageSeg.png")
    slicer.util.saveScene(str(folder / "head-ct.mrb"))
    Export.exportSegmentation(result, folder / "hemorrhage.seg.nrrd")
    Export.exportCsv(result, folder / "lesions.csv")
    segmentation = result.segmentationNode
    masks = [
        slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, result.volumeNode) > 0
        for segment in segmentation.GetSegmentation().GetSegmentIDs()
    ]
    return np.logical_or.reduce(masks)


def _comparison(result, mask: np.ndarray, truth_mask: np.ndarray, truth: dict, seconds: float) -> list[str]:
    dice = 2 * np.logical_and(mask, truth_mask).sum() / (mask.sum() + truth_mask.sum())
    bleeds = ", ".join(f"{b['kind']} {b['place']}".strip() for b in truth["bleeds"])
    measured = result.measurements
    return [
        f"Simulated head CT {SEED}/{INDEX}: {bleeds}, {truth['bleeds'][0]['side']}",
        f"  true volume      {truth['mask_ml']:8.2f} mL",
        f"  measured volume  {measured.total_volume_ml:8.2f} mL   (ABC/2 {measured.total_abc2_ml:.2f} mL)",
        f"  Dice             {dice:8.3f}",
        f"  click to result  {seconds:8.2f} s",
    ]
