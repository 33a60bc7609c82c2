"""The work behind Arab 2020's tables: cases, raters, every method trained and tried, agreement; each step a file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.baselines.interface import Fit, ScanCase, Segmenter
from radiologycnn.evaluation.mask_files import evaluate_masks
from radiologycnn.evaluation.segmentation_metrics import overlap
from radiologycnn.evaluation.segmentation_summary import with_reference
from radiologycnn.hemorrhage.head_check import check_head_ct
from radiologycnn.images import read_volume, write_image
from radiologycnn.images.checks import check_array
from radiologycnn.images.write import write_atomically
from radiologycnn.models.catalog import bundled_model
from radiologycnn.reproduction.arab2020 import TEST_CASES, TRAINING_CASES
from radiologycnn.reproduction.arab2020_people import Person, simulated_person, stated_person
from radiologycnn.reproduction.arab2020_raters import check_raters, rater_agreement
from radiologycnn.reproduction.data_cases import Row, naming, shared_out
from radiologycnn.reproduction.methods import RunMethod
from radiologycnn.reproduction.settings import BUNDLED
from radiologycnn.reproduction.simulated_cases import simulated_cases
from radiologycnn.reproduction.workspace import Workspace
from radiologycnn.training.hemorrhage.cases import MANIFEST_FILES, read_scan

MAIN = "cnn_ds"
_TEST_SHARE = TEST_CASES / (TEST_CASES + TRAINING_CASES)
_VALIDATION_SHARE = 5 / 45


@dataclass(frozen=True)
class ArabResults:
    """Everything that tables and figures are made of.

    Attributes:
        simulated: the scans; ``simulated_raters``: the raters.
        cases: by "train", "validation", "test".
        truths: by case id, what is known of the simulated scans, and :func:`.arab2020_known.known_bleeds` of the test
            cases of a data folder.
        people: whose scans they are, by case id.
        fits: by method; ``titles`` are what people read.
        metrics: by method, a row a test case (``case_metrics``).
        seconds: by method, of one test case each; ``cold_seconds`` of the very first one, before anything is warm.
        training_metrics: of the main method on some training cases: dice, seconds and whether it bleeds, by case.
        pairs, comparison: agreement of raters; the comparison is empty without the main method.
        consensus_dice: of the main method against the raters' majority, by test case with a bleed.
        masks: by method, then case: the mask file.
        types: of the main method, ``arab2020_types.type_figures``; None where it or the references tell no types.
    """

    workspace: Workspace
    simulated: bool
    simulated_raters: bool
    cases: dict[str, list[ScanCase]]
    truths: dict[str, dict[str, Any]]
    people: dict[str, Person]
    fits: dict[str, Fit]
    titles: dict[str, str]
    metrics: dict[str, list[dict[str, Any]]]
    seconds: dict[str, list[float]]
    training_metrics: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    comparison: dict[str, float | None]
    consensus_dice: list[float]
    masks: dict[str, dict[str, Path]]
    device_name: str
    cold_seconds: dict[str, float] = field(default_factory=dict)
    types: dict[str, Any] | None = None

    @property
    def has_method(self) -> bool:
        """Whether the paper's method is one of the run's; no other one stands in its place."""
        return MAIN in self.metrics


def run_arab2020(
    workspace: Workspace, data: Path | None = None, raters: Path | None = None, device: str = "cpu", jobs: int = 1
) -> ArabResults:
    """Do what is not done yet.

    Args:
        data: folder with ``cases.csv``; None simulates.
        raters: CSV with ``rater, case, mask`` (paths relative to it) for the test cases; None draws three raters.

    Raises:
        InputError: cases or raters that cannot be used.
        Cancelled: as the workspace was told; what is done stays.
    """
    from radiologycnn.networks.devices import describe_device, resolve_device

    where = resolve_device(device)
    settings = workspace.settings
    workspace.plan(2 + 2 * len(settings.methods) + 2)
    cases, truths, people = _cases(workspace, data, jobs)
    if raters:  # a mistake in the table is better known before the first network than after the last
        check_raters(raters, cases["test"])
    methods: dict[str, RunMethod[Segmenter]] = {}
    masks, seconds, cold = {}, {}, {}
    for name in settings.methods:
        methods[name] = RunMethod(workspace, name, lambda name=name: make_segmenter(name, workspace, str(where)), cases)
        masks[name], seconds[name], cold[name] = _predict(workspace, methods[name], cases["test"])
    metrics = {}
    for name in methods:
        pairs = [(case.id, masks[name][case.id], case.mask) for case in cases["test"]]
        metrics[name] = workspace.step(f"metrics-{name}", lambda pairs=pairs: list(evaluate_masks(pairs)))
    if data is not None:
        truths = _known(workspace, data, cases["test"], people)
    main, types, on_training = methods.get(MAIN), None, []
    if main and main.fit.facts.get("types") and all(one.get("types_known", True) for one in truths.values()):
        types = _types(workspace, main.name, cases["test"], masks[main.name], data)
    if main and settings.models != BUNDLED:
        on_training = _on_training(workspace, main, cases["train"])
    bleeding = {row["case"] for row in with_reference(next(iter(metrics.values())))}
    by_pair, comparison, consensus_dice = rater_agreement(workspace, cases["test"], bleeding, masks.get(MAIN), raters)
    return ArabResults(
        workspace, data is None, raters is None, cases, truths, people,
        {name: one.fit for name, one in methods.items()}, {name: one.title for name, one in methods.items()}, metrics,
        seconds, on_training, by_pair, comparison, consensus_dice, masks,
        workspace.step("device", lambda: describe_device(where)), cold, types,
    )  # fmt: skip


def make_segmenter(name: str, workspace: Workspace, device: str) -> Segmenter:
    """The method of this name at the run's size."""
    from radiologycnn.baselines.cnn_ds import CnnDsSegmenter, PackagedSegmenter
    from radiologycnn.training.hemorrhage.settings import TrainingSettings

    settings = workspace.settings
    if settings.models == BUNDLED and name == MAIN:
        from radiologycnn.tasks import HEMORRHAGE_TASK

        return PackagedSegmenter(bundled_model(HEMORRHAGE_TASK, settings.model), device)
    training = TrainingSettings.from_preset(
        settings.training_preset, {**settings.training_changes, "seed": settings.seed}
    )
    if name == "cnn_ds":
        return CnnDsSegmenter(name, "CNN-DS", training, True, device, workspace.simulated)
    if name == "cnn_ds_without":
        return CnnDsSegmenter(name, "CNN without deep supervision", training, False, device, workspace.simulated)
    if name in ("patch_unet", "slice_unet"):
        from radiologycnn.baselines.slice_recipe import SliceRecipe
        from radiologycnn.baselines.unets import PatchUNetSegmenter, SliceUNetSegmenter
        from radiologycnn.networks.unet_options import PRESETS

        if name == "patch_unet":
            options = replace(PRESETS["default"], base_filters=settings.unet_filters)
            return PatchUNetSegmenter(training, options, settings.patch_size, device)
        options = replace(PRESETS["slices"], base_filters=settings.slice_filters)
        return SliceUNetSegmenter(training, options, SliceRecipe(settings.slice_size), device=device)
    if name == "forest":
        from radiologycnn.baselines.forest import ForestSegmenter

        return ForestSegmenter(tuple(training.grid_shape_ijk), settings.trees, seed=settings.seed)
    if name == "dynunet":
        from radiologycnn.baselines.monai_reference import DynUNetSegmenter

        return DynUNetSegmenter(training, device)
    from radiologycnn.baselines.threshold import ThresholdSegmenter

    return ThresholdSegmenter()


def _cases(
    workspace: Workspace, data: Path | None, jobs: int
) -> tuple[dict[str, list[ScanCase]], dict[str, dict[str, Any]], dict[str, Person]]:
    """Cases by part, and by case id the truth of simulated ones and whose they are."""
    settings = workspace.settings
    if data is not None:

        def check(row: Row, is_test: bool) -> None:
            volume, _ = read_scan(data, row)
            if is_test:  # as the network does that is to outline it
                check_array(volume)
                check_head_ct(volume, cropped=True)

        parts = shared_out(workspace, data, MANIFEST_FILES, _TEST_SHARE, _VALIDATION_SHARE, check)
        found = {
            part: [ScanCase(row["id"], data / row["image"], data / row["mask"]) for row in rows]
            for part, rows in parts.items()
        }
        return found, {}, {row["id"]: stated_person(row) for rows in parts.values() for row in rows}
    from radiologycnn.simulation.head_ct import HeadCtConfig
    from radiologycnn.simulation.head_ct.writer import head_ct_population

    config = HeadCtConfig.from_dict({part: dict(values) for part, values in settings.simulation.items()})
    made = simulated_cases(workspace, head_ct_population(), config, jobs, "Simulating head CTs")
    found = {part: [ScanCase(one.id, one.image, one.mask) for one in own] for part, own in made.items()}
    truths = {one.id: one.truth for own in made.values() for one in own}
    return found, truths, {case: simulated_person(case, truth) for case, truth in truths.items()}


def _predict(
    workspace: Workspace, method: RunMethod[Segmenter], cases: Sequence[ScanCase]
) -> tuple[dict[str, Path], list[float], float]:
    """Masks of the test cases as files, the seconds that each took, from scan to mask, warm, and the first one cold."""
    report = workspace.stage(f"Testing, {method.title}")
    folder = workspace.folder / "masks" / method.name
    folder.mkdir(parents=True, exist_ok=True)
    masks, seconds, warm, cold = {}, [], False, None
    for number, case in enumerate(cases):
        path, record = folder / f"{case.id}.nii.gz", folder / f"{case.id}.json"
        if not path.exists() or not record.exists():
            workspace.check()
            report(number / len(cases), f"case {number + 1} of {len(cases)}")
            segmenter, volume = method.ready(), read_volume(case.image)
            timed = {}
            with naming(case.id):
                if not warm:
                    started = time.perf_counter()
                    segmenter.predict(volume)
                    timed["cold_seconds"] = time.perf_counter() - started
                    warm = True
                started = time.perf_counter()
                mask = segmenter.predict(volume)
                timed["seconds"] = time.perf_counter() - started
            write_atomically(record, json.dumps(timed).encode())
            write_image(path, mask.astype(np.uint8), volume.ijk_to_lps)
        masks[case.id] = path
        timed = json.loads(record.read_text(encoding="utf-8"))
        seconds.append(float(timed["seconds"]))
        cold = cold or timed.get("cold_seconds")
    return masks, seconds, cold or float("nan")


def _known(
    workspace: Workspace, data: Path, cases: Sequence[ScanCase], people: dict[str, Person]
) -> dict[str, dict[str, Any]]:
    from radiologycnn.reproduction.arab2020_known import known_bleeds, measured_bleeds

    measured = workspace.step("measured-bleeds", lambda: {case.id: measured_bleeds(case, data) for case in cases})
    return {case.id: known_bleeds(measured[case.id], data, people[case.id]) for case in cases}


def _types(
    workspace: Workspace, name: str, cases: Sequence[ScanCase], masks: dict[str, Path], data: Path | None
) -> dict[str, Any] | None:
    from radiologycnn.reproduction.arab2020_types import type_figures

    pairs = [(case.id, masks[case.id], case.mask) for case in cases]
    return workspace.step(f"types-{name}", lambda: type_figures(pairs, data))


def _on_training(workspace: Workspace, method: RunMethod[Segmenter], cases: Sequence[ScanCase]) -> list[dict[str, Any]]:
    def measured(case: ScanCase) -> dict[str, Any]:
        segmenter, (volume, mask) = method.ready(), case.read()
        started = time.perf_counter()
        with naming(case.id):
            found = segmenter.predict(volume)
        seconds = time.perf_counter() - started
        return {"dice": overlap(found, mask).dice, "seconds": seconds, "bleeds": bool(np.any(mask))}

    report = workspace.stage("Training cases")
    chosen = cases[:2] if workspace.settings.quick else cases
    rows = []
    for number, case in enumerate(chosen):
        report(number / len(chosen), case.id)
        rows.append(workspace.step(f"training-case-{case.id}", lambda case=case: measured(case)))
    return rows
