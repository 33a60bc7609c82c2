"""A head of numbers: an egg of brain in a shell of bone, with a bright ball on the right, in front, high up."""

import numpy


def head(shape=(60, 128, 128), spacing=(3.0, 1.8, 1.8)):
    """Array KJI in HU and its IJK->RAS matrix; i runs to the left, j to the back, k up.

    The ball (75 HU, radius 14 mm) lies at RAS (35, 30, 20), so that a mirrored view cannot go unseen.
    """
    k, j, i = numpy.meshgrid(*[numpy.arange(size, dtype="float32") for size in shape], indexing="ij")
    right = (shape[2] / 2 - i) * spacing[2]
    front = (shape[1] / 2 - j) * spacing[1]
    up = (k - shape[0] / 2) * spacing[0]
    distance = numpy.sqrt((right / 72) ** 2 + (front / 92) ** 2 + (up / 78) ** 2)
    array = numpy.full(shape, -1000.0, dtype="float32")
    array[distance < 1.0] = 900
    array[distance < 0.92] = 35
    array[(front > 98 - (abs(right) / 2)) & (abs(right) < 12) & (front < 104) & (abs(up + 10) < 12)] = 40  # a nose
    ventricle = (right / 12) ** 2 + ((front - 5) / 25) ** 2 + (up / 15) ** 2 < 1
    array[ventricle] = 6
    array[(right - 35) ** 2 + (front - 30) ** 2 + (up - 20) ** 2 < 14**2] = 75
    matrix = numpy.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    matrix[:3, 3] = (shape[2] / 2 * spacing[2], shape[1] / 2 * spacing[1], -shape[0] / 2 * spacing[0])
    return array.astype("int16"), matrix
