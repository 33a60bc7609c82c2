"""What was computed of scans before anybody asked for their answer: of each task the last one, used for it alone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radiologycnn.models.package import ModelPackage


class PreparedScans:
    """Prepared scans (``PreparedHead``, ``PreparedCuff``) by what they were made from."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Any]] = {}

    def keep(self, request: dict[str, Any], package: ModelPackage, prepared: Any) -> None:
        """Remember it for the next request with the same scan, model, region and side."""
        self._kept[package.task] = (_key(request, package), prepared)

    def of(self, request: dict[str, Any], package: ModelPackage) -> Any | None:
        """What was kept for such a request; None where anything differs, be it the time at which the file was written.

        Args:
            request: one whose scan's file is there.
            package: the model that is to be used.
        """
        key, prepared = self._kept.get(package.task, (None, None))
        return prepared if key is not None and key == _key(request, package) else None

    def forget(self) -> None:
        self._kept.clear()


def _key(request: dict[str, Any], package: ModelPackage) -> str:
    volume = request["volume"]
    file = os.stat(volume["array"])
    model = (str(package.path), package.weights_sha256)
    what = (volume, file.st_size, file.st_mtime_ns, model, request.get("roi"), request.get("side"))
    return json.dumps(what, sort_keys=True)
