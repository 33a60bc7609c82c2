"""The demo's second part: a simulated shoulder MRI with a known tear, Classify clicked in RotatorCuffCNN."""

import json
from pathlib import Path

import numpy as np

from demo.panels import click_and_wait, open_panel

# A full-thickness tear in a left shoulder: the map of a mirrored cube has to come back to the right place.
SEED, INDEX = 2020, 1


def simulated_scan(folder: Path) -> tuple[Path, dict]:
    """Write the scan and its true tear as NIfTI; return the scan's path and the known truth."""
    from radiologycnn.images import write_image
    from radiologycnn.simulation.shoulder_mr import simulate_shoulder_mr

    scan = simulate_shoulder_mr(INDEX, seed=SEED)
    path = folder / "simulated-shoulder-mr.nii.gz"
    write_image(path, scan.volume.array, scan.volume.ijk_to_lps)
    write_image(folder / "simulated-shoulder-mr-tear.nii.gz", scan.labels, scan.volume.ijk_to_lps)
    (folder / "simulated-shoulder-mr-truth.json").write_text(json.dumps(scan.truth, indent=2))
    return path, scan.truth


def run(host, folder: Path) -> list[str]:
    """Simulate, classify by a click, write what came out; return what the network said, beside the truth.

    Raises:
        SystemExit: the panel refused or failed; its own words are printed.
    """
    from radiologycnn.models.catalog import list_models
    from radiologycnn.tasks import ROTATOR_CUFF_TASK

    if not any(not package.problem for package in list_models(ROTATOR_CUFF_TASK)):
        return ["RotatorCuffCNN: no model for the rotator cuff is installed, so this part was left out."]
    print("Simulating a shoulder MRI with a known tear ...", flush=True)
    path, truth = simulated_scan(folder)
    volume_node = host.load_volume(path)
    print("Classifying ...", flush=True)
    widget = open_panel(host, "RotatorCuffCNN", volume_node)
    result, seconds = click_and_wait(host, widget, widget.ui.classifyButton)
    host.process_events(0.5)
    host.click(widget.ui.peakButton)
    widget.ui.show3DCheckBox.checked = True
    widget.ui.inputsCollapsibleButton.collapsed = True  # so that the picture holds the whole result
    host.process_events(2.0)
    host.reveal(widget.ui.researchUseLabel)
    _write_outputs(host, widget, result, folder)
    return _comparison(result, truth, seconds)


def _write_outputs(host, widget, result, folder: Path) -> None:
    """Screenshot, scene, numbers, map and report into ``folder``."""
    import slicer
    from RotatorCuffCNNLib import CuffExport

    host.screenshot(folder / "RotatorCuffCNN.png")
    slicer.util.saveScene(str(folder / "shoulder-mr.mrb"))
    CuffExport.exportCsv(result, folder / "classification.csv")
    CuffExport.exportMap(result, folder / "cam.nii.gz")
    CuffExport.exportReport(result, folder / "report.html", widget.inputs.currentModel.package.card())


def _comparison(result, truth: dict, seconds: float) -> list[str]:
    from radiologycnn.rotatorcuff.tear_classes import TEAR_CLASSES

    answer = result.classification
    shares = ", ".join(f"{one.name} {100 * share:.0f} %" for one, share in zip(TEAR_CLASSES, answer.probabilities))
    lines = [
        f"Simulated shoulder MRI {SEED}/{INDEX}: {truth['side']} shoulder",
        f"  true class       {TEAR_CLASSES[truth['tear_class']].words}",
        f"  predicted class  {TEAR_CLASSES[answer.predicted].words}",
        f"  probabilities    {shares}",
        f"  tear or none     {100 * answer.tear_probability:8.1f} % tear",
    ]
    peak, tear = result.peakRas(), truth["tear_centre_lps_mm"]
    if peak is not None and tear is not None:
        tear_ras = np.array([-1.0, -1.0, 1.0]) * tear
        lines.append(f"  map's peak       {np.linalg.norm(np.asarray(peak) - tear_ras):8.1f} mm from the tear's middle")
    return [*lines, f"  click to result  {seconds:8.2f} s"]
