"""ScanPreparation: what is done with a panel's scan before anybody clicks: written for the worker, prepared there.

Whatever changes meanwhile, the answer is that of the scan as it is at the click: what was made before is used only
where it still fits, and left behind with the panel.
"""

import os

import slicer

from radiologycnn.errors import RadiologyCNNError
from RadiologyCNNLib import InputWatch, VolumeExchange
from RadiologyCNNLib.PartwiseCall import PartwiseCall
from RadiologyCNNLib.ScanGeometry import hasNonlinearTransform, worldPlaces
from RadiologyCNNLib.WarpedScan import warpedScan

KIND = "prepare"  #: the worker's command
LARGEST_KIB = 128 * 1024  #: larger scans would keep the panel from its events for longer than a person overlooks


class ScanPreparation:
    """The one scan that is prepared, and its file.

    Args:
        request: function (volumeNode, written: dict, **fields) that sends the worker the request to prepare it.
        stop: function () that gives such a request up.
        client: function () that gives the worker's client.
        jobs: function () that gives the jobs under way, which may read the file.
    """

    def __init__(self, request, stop, client, jobs) -> None:
        self._request = request
        self._stop = stop
        self._client = client
        self._jobs = jobs
        self._state = None  # of the scan when it was written
        self._written = None
        self._asked = None  # what the worker was asked to prepare it for
        self._left = set()  # folders that jobs may still read from
        self._hardening = None  # of a scan under a warp, before it can be written

    def prepare(self, volumeNode, **fields) -> None:
        """Write the scan and have the worker prepare it, where that was not done yet and the worker runs.

        Args:
            volumeNode: a usable scan.
            fields: of the main request that are known before the click.
        """
        client = self._client()
        if client.state not in ("ready", "busy"):
            return
        if self.written(volumeNode) is None:
            self.release()
            if not _isSuitable(volumeNode) or self._isHardening(volumeNode, fields) or not self._write(volumeNode):
                return
        asked = (client.pid, fields)
        if asked != self._asked:
            self._stop()
            self._asked = asked
            self._request(volumeNode, self._written, **fields)

    def written(self, volumeNode):
        """The request's ``volume`` field of a scan that VTK has not seen changed since; None where there is none."""
        isThere = self._written is not None and os.path.exists(self._written["array"])
        return self._written if isThere and self._state == _stateOf(volumeNode) else None

    def release(self) -> None:
        """Give the preparation up; the file goes as soon as no job reads it."""
        if self._hardening is not None:
            self._hardening.stop()
            self._hardening = None
        if self._written is None:
            return
        self._stop()
        self._left.add(os.path.dirname(self._written["array"]))
        self._state = self._written = self._asked = None
        self.removeFiles()

    def removeFiles(self) -> None:
        """Remove the files of released scans that no job reads any more."""
        used = {os.path.dirname(job.volume["array"]) for job in self._jobs() if job.volume}
        for folder in self._left - used:
            VolumeExchange.removeFolder(folder)
        self._left &= used

    def _isHardening(self, volumeNode, fields) -> bool:
        """Whether the scan lies under a warp that is being hardened from now on; then it is prepared afterwards."""
        warped = warpedScan(volumeNode) if hasNonlinearTransform(volumeNode) else None
        if warped is None or warped.isDone:
            return False
        self._hardening = PartwiseCall(
            lambda: warped.step(volumeNode), lambda error: error or self.prepare(volumeNode, **fields)
        )
        return True

    def _write(self, volumeNode) -> bool:
        folder = VolumeExchange.temporaryFolder()
        try:
            self._written = VolumeExchange.exportVolume(volumeNode, folder)
        except (OSError, RadiologyCNNError):  # the click says what is wrong
            VolumeExchange.removeFolder(folder)
            return False
        self._state = _stateOf(volumeNode)
        return True


def _stateOf(volumeNode) -> tuple:
    """What is another one whenever the scan, its header or its place has been changed."""
    place = worldPlaces(volumeNode)
    return volumeNode.GetID(), volumeNode.GetMTime(), InputWatch.voxelsTime(volumeNode), place.tobytes()


def _isSuitable(volumeNode) -> bool:
    return volumeNode.GetImageData().GetActualMemorySize() <= LARGEST_KIB and not slicer.mrmlScene.IsImporting()
