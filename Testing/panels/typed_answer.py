"""What a worker with a model of five types of bleed says of a made-up head."""

import os

import numpy as np

from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.hemorrhage.measurements import measure
from radiologycnn.images.volume import LPS_TO_RAS, Volume

LABELS = tuple(BLEED_TYPES.values())


def typedAnswer(head, folder) -> dict:
    """What the worker says of bleeds of all five types, each in a place of its kind."""
    k, j, i = np.indices(head.array.shape)
    r, a, s = (head.ijkToRas[axis, axis] * index + head.ijkToRas[axis, 3] for axis, index in enumerate((i, j, k)))
    radius = (r / 69) ** 2 + (a / 87) ** 2 + (s / 66) ** 2
    rim = (radius > 0.8) & (radius < 1.0) & (abs(s) < 25)
    regions = {
        "iph": head.truth > 0,
        "ivh": ((r - 14) / 8) ** 2 + ((a + 8) / 9) ** 2 + ((s - 4) / 10) ** 2 < 1,
        "sdh": rim & (r > 45) & (a > -40),
        "edh": rim & (a > 65) & (abs(r) < 25),
        "sah": (radius > 0.6) & (radius < 0.72) & (a < -40) & (abs(s) < 15) & (r < 0),
    }
    mask = np.zeros(head.array.shape, np.uint8)
    for kind, region in regions.items():
        mask[region] = BLEED_TYPES[kind].value
    box = tuple(slice(int(n.min()), int(n.max()) + 1) for n in np.nonzero(mask))
    path = os.path.join(folder, "types.npy")
    np.save(path, np.stack([0.9 * (mask[box] == label.value) for label in LABELS]).astype(np.float32))
    volume = Volume(head.array, LPS_TO_RAS @ head.ijkToRas, "CT")
    return {
        "probability": path,
        "offset_kji": [part.start for part in box],
        "measurements": measure(mask, volume, LABELS).to_dict(),
        "labels": [label.to_dict() for label in LABELS],
        "model": "five-types-1.0.0",
    }


def segmentTypes(clinic):
    """A click on Segment that is answered so; returns the clinic."""
    job = clinic.start()
    clinic.answer(job, **typedAnswer(clinic.head, clinic.sent("segment")[1]["output"]))
    return clinic
