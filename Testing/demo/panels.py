"""What both parts of the demo do with a panel: open it on a scan, click its button, wait for the result."""

import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0


def open_panel(host, module: str, volume_node):
    """Open a module's panel, choose the scan in it, and wait until its worker is ready; return the panel."""
    widget = host.load_module(REPOSITORY / module)
    widget.ui.inputVolumeSelector.setCurrentNode(volume_node)
    client = widget.logic.client
    host.process_events(PATIENCE_S, until=lambda: client.state == "ready" and not client.isBusy)
    return widget


def click_and_wait(host, widget, button) -> tuple[object, float]:
    """Click the panel's big button and wait; return the result and the seconds from click to result.

    Raises:
        SystemExit: the panel refused or failed; its own words are printed.
    """
    results: list[object] = []
    problems: list[str] = []
    widget.logic.finished.connect(results.append)
    widget.logic.failed.connect(lambda error: problems.append(f"{error.message} {error.hint}"))
    start = time.perf_counter()
    host.click(button)
    host.process_events(PATIENCE_S, until=lambda: bool(results or problems))
    seconds = time.perf_counter() - start
    if not results:
        raise SystemExit(f"The demo did not get a result: {problems[0] if problems else 'no answer in time'}")
    return results[0], seconds
