"""Open a scripted module in the stand-in host, in a window or, without a display, offscreen.

Usage: python Testing/host/run.py MODULE_FOLDER [--volume FILE] [--screenshot OUT.png] [--wait SECONDS]

With --screenshot it writes the picture and ends; otherwise the window stays until it is closed.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path, help="folder of the scripted module, for example HemorrhageSeg")
    parser.add_argument("--volume", type=Path, help="image file to load and show")
    parser.add_argument("--screenshot", type=Path, help="write a picture of the window and end")
    parser.add_argument("--wait", type=float, default=1.0, help="seconds to run before the picture is taken")
    parser.add_argument("--testing", action="store_true", help="message boxes answer at once, as with Slicer --testing")
    arguments = parser.parse_args()
    from host import SlicerHost

    host = SlicerHost(testing=arguments.testing or arguments.screenshot is not None)
    if arguments.volume is not None:
        host.load_volume(arguments.volume)
    host.load_module(arguments.module)
    if arguments.screenshot is None and not host.offscreen:
        status = host.run()
    else:
        host.process_events(arguments.wait)
        print(host.screenshot(arguments.screenshot or Path("stand-in.png")))
        status = 1 if host.errors else 0
    host.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
