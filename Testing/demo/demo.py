"""``make demo``: a simulated head CT and a simulated shoulder MRI in the shipped panels, their buttons clicked; what
came out beside the truth.

Without a display it draws offscreen and ends; with one it shows the window and waits until the person closes it.
"""

import argparse
import os
import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTING.parent), str(TESTING)]


def main() -> None:
    """Run the demo."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for what is made")
    arguments.add_argument("--offscreen", action="store_true", help="no window, even where there is a display")
    arguments.add_argument("--only", choices=("head", "shoulder"), help="one of the two panels")
    options = arguments.parse_args()
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    from host import SlicerHost

    from demo import head_ct_demo, shoulder_demo

    parts = {"head": head_ct_demo.run, "shoulder": shoulder_demo.run}
    print("Starting the stand-in for Slicer ...", flush=True)
    host = SlicerHost(offscreen=True if options.offscreen else None)
    try:
        lines = []
        for name, run in parts.items():
            if options.only in (None, name):
                host.clear_scene()
                lines += ["", *run(host, folder)]
        print(*lines, "", "Demonstration models, trained on simulated scans. Not for patients.", sep="\n")
        print(f"\nWritten to {options.output}{os.sep}")
        for path in sorted(folder.iterdir()):
            print(f"  {path.name:32} {path.stat().st_size / 1e6:7.2f} MB")
        if not host.offscreen:
            print("Close the window to end the demo.", flush=True)
            host.run()
    finally:
        host.close()


if __name__ == "__main__":
    main()
