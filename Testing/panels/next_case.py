"""The next case of a list, prepared as the worker would prepare it."""

import numpy as np


def prepare(room, caseId, model="test-1.0.0"):
    """Answer the request for the next case as the worker would; returns the request's fields."""
    from radiologycnn.images import read_volume, write_image

    job, fields = room.sent("prepare_case")
    volume = read_volume(fields["path"])
    np.save(f"{fields['output']}/scan.npy", volume.array)
    if fields["image"]:
        write_image(fields["image"], volume.array, volume.ijk_to_lps)
    segmentation = room.selfTest.resultMessage(room.heads[caseId], fields["output"])
    segmentation.update(model=model, provenance={"model_sha256": "0" * 64})
    field = {"array": f"{fields['output']}/scan.npy", "ijk_to_lps": volume.ijk_to_lps.tolist(), "modality": ""}
    room.client.result.emit(job, {"volume": field, "notes": [], "segmentation": segmentation})
    return fields


def waitForPreparing(room):
    """Until the panel has asked for the case that comes next."""
    nextCase = room.widget.worklist.opening.nextCase
    room.waitFor(lambda: nextCase.key not in ("", room.caseId))
