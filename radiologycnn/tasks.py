"""What models can be for: the names of the tasks in model packages, requests and settings. Light: panels import it."""

HEMORRHAGE_TASK = "hemorrhage-segmentation"
ROTATOR_CUFF_TASK = "rotator-cuff-classification"
TASKS = (HEMORRHAGE_TASK, ROTATOR_CUFF_TASK)
