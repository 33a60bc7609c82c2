"""The work behind Shim 2020's tables: cases, readers, every network trained and tried, maps; each step a file."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.baselines.interface import Fit, ShoulderCase, TearClassifier
from radiologycnn.errors import InputError
from radiologycnn.evaluation.localization import Localization, localization
from radiologycnn.images.volume import Volume
from radiologycnn.models.catalog import bundled_model
from radiologycnn.reproduction.data_cases import Row, joined_names, naming, shared_out
from radiologycnn.reproduction.methods import RunMethod
from radiologycnn.reproduction.readers import Reader, read_readers, simulated_readers, write_readers
from radiologycnn.reproduction.settings import BUNDLED, REPEATS_BY_TRAINING
from radiologycnn.reproduction.simulated_cases import simulated_cases
from radiologycnn.reproduction.workspace import Workspace, test_seed
from radiologycnn.rotatorcuff.location import check_scan
from radiologycnn.training.case_files import check_mask_fits, read_case_file, read_manifest, save_arrays
from radiologycnn.training.rotatorcuff.assess import TOLERANCE_MM

MAIN = "vrn"
# In the file of an answer: what was measured with this tolerance; one of older versions is measured again.
_MEASURED = f"localization_within_{TOLERANCE_MM:g}_mm"
_TEST_SHARE, _VALIDATION_SHARE = 200 / 2124, 0.05


@dataclass(frozen=True)
class Answers:
    """One network's answers on the test cases, in their order.

    Attributes:
        probabilities: shape (cases, 5).
        seconds: per case, from scan in memory to class and maps, warm.
        maps: against the tear, by case, for tears with a mask.
        runs: of the main network, shape (repeats, cases, 5); None for others.
        map_files: by case: arrays of the map.
    """

    probabilities: np.ndarray
    seconds: np.ndarray
    maps: dict[str, Localization]
    runs: np.ndarray | None
    map_files: dict[str, Path]

    @property
    def predicted(self) -> np.ndarray:
        """The likeliest class of each case, 0-4, shape (cases,)."""
        return self.probabilities.argmax(axis=1)


@dataclass(frozen=True)
class ShimResults:
    """Everything that tables and figures are made of.

    Attributes:
        truths: by id, what is known of the test cases: the truth of simulated ones; of others the ``confounders`` that
            the manifest's column of this name joins by +.
    """

    workspace: Workspace
    simulated: bool
    simulated_readers: bool
    cases: dict[str, list[ShoulderCase]]
    fits: dict[str, Fit]
    titles: dict[str, str]
    answers: dict[str, Answers]
    readers: list[Reader]
    device_name: str
    truths: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def truth(self) -> np.ndarray:
        """Classes of the test cases."""
        return np.array([case.tear_class for case in self.cases["test"]])


def run_shim2020(
    workspace: Workspace, data: Path | None = None, readers: Path | None = None, device: str = "cpu", jobs: int = 1
) -> ShimResults:
    """Do what is not done yet.

    Args:
        data: folder with ``cases.csv``; None simulates.
        readers: CSV of people's answers on the test cases; None simulates readers.

    Raises:
        InputError: cases or readers that cannot be used.
        Cancelled: as the workspace was told; what is done stays.
    """
    from radiologycnn.networks.devices import describe_device, resolve_device

    where = resolve_device(device)
    settings = workspace.settings
    names = list(settings.methods)
    members = settings.repeats - 1 if settings.repeat_method == "seeds" else 0
    workspace.plan(2 + 2 * len(names) + members)
    cases, truths = _cases(workspace, data, jobs)
    people = _readers(workspace, cases["test"], readers)
    fits, titles, answers = {}, {}, {}

    def train_repeats(classifier: TearClassifier) -> None:
        if classifier.name == MAIN and settings.repeat_method in REPEATS_BY_TRAINING:
            classifier.repeat_with(_member_weights(workspace, classifier, cases, str(where)))

    for name in names:
        method: RunMethod[TearClassifier] = RunMethod(
            workspace, name, lambda name=name: make_classifier(name, workspace, str(where)), cases, train_repeats
        )
        fits[name], titles[name] = method.fit, method.title
        answers[name] = _answers(workspace, method, cases["test"], name == MAIN)
    device_name = workspace.step("device", lambda: describe_device(where))
    return ShimResults(
        workspace, data is None, readers is None, cases, fits, titles, answers, people, device_name, truths
    )


def make_classifier(name: str, workspace: Workspace, device: str) -> TearClassifier:
    """The network of this name at the run's size."""
    from radiologycnn.baselines.tear_networks import PackagedTearClassifier, TrainedTearClassifier
    from radiologycnn.training.rotatorcuff.settings import TrainingSettings

    settings = workspace.settings
    if settings.models == BUNDLED:
        from radiologycnn.tasks import ROTATOR_CUFF_TASK

        return PackagedTearClassifier(bundled_model(ROTATOR_CUFF_TASK, settings.model), device)
    training = TrainingSettings.from_preset(
        settings.training_preset, {**settings.training_changes, "seed": settings.seed}
    )
    keep_last = settings.repeats if name == MAIN and settings.repeat_method == "checkpoints" else 0
    return TrainedTearClassifier(name, training, device, workspace.simulated, keep_last)


def _member_weights(
    workspace: Workspace, classifier: TearClassifier, cases: dict[str, list[ShoulderCase]], device: str
) -> list[Path]:
    """Weights that repeat the test: of the last epochs of the main network, or of it and networks of other seeds.

    Raises:
        InputError: fewer than two.
    """
    from radiologycnn.baselines.tear_networks import EPOCHS_NAME, TrainedTearClassifier
    from radiologycnn.models.package import WEIGHTS_NAME

    settings, methods = workspace.settings, workspace.folder / "methods"
    if settings.repeat_method == "checkpoints":
        found = sorted((methods / MAIN / EPOCHS_NAME).glob("*.safetensors"))
    else:
        found = [methods / MAIN / "model" / WEIGHTS_NAME]
        for number in range(1, settings.repeats):
            training = replace(classifier.settings, seed=settings.seed + number)
            other = TrainedTearClassifier(MAIN, training, device, workspace.simulated)
            report = workspace.stage(f"Learning, seed {training.seed}")
            folder = methods / f"{MAIN}-seed-{training.seed}"
            other.fit(cases["train"], cases["validation"], folder, report, workspace.cancelled)
            found.append(folder / "model" / WEIGHTS_NAME)
    if len(found) < 2:
        raise InputError(
            "too-few-repeats", "The run keeps fewer than two networks to repeat with.", "Give more epochs."
        )
    return found


def _cases(
    workspace: Workspace, data: Path | None, jobs: int
) -> tuple[dict[str, list[ShoulderCase]], dict[str, dict[str, Any]]]:
    """Cases by part, and what is known of the test cases."""
    settings = workspace.settings
    if data is not None:
        from radiologycnn.training.rotatorcuff.cases import MANIFEST_FILES, manifest_facts

        rows = read_manifest(data, *MANIFEST_FILES)
        facts = {row["id"]: manifest_facts(row, settings.codes) for row in rows}
        parts = shared_out(
            workspace, data, MANIFEST_FILES, _TEST_SHARE, _VALIDATION_SHARE, lambda *asked: _check(data, *asked)
        )
        found = {
            part: [
                ShoulderCase(
                    row["id"],
                    data / row["image"],
                    facts[row["id"]][0],
                    data / row["mask"] if row.get("mask") else None,
                    facts[row["id"]][2],
                    facts[row["id"]][1],
                )
                for row in rows
            ]
            for part, rows in parts.items()
        }
        names = {row["id"]: joined_names(row.get("confounders")) - {"none"} for row in parts["test"]}
        return found, {case: {"confounders": sorted(named)} for case, named in names.items()}
    from radiologycnn.simulation.shoulder_mr import ShoulderMrConfig
    from radiologycnn.simulation.shoulder_mr.writer import shoulder_mr_population

    config = ShoulderMrConfig.from_dict({part: dict(values) for part, values in settings.simulation.items()})
    made = simulated_cases(workspace, shoulder_mr_population(), config, jobs, "Simulating shoulders")
    found = {
        part: [
            ShoulderCase(
                one.id, one.image, one.truth["tear_class"], one.mask, one.truth["side"],
                tuple(one.truth["head_centre_lps_mm"]),
            )
            for one in own
        ]
        for part, own in made.items()
    }  # fmt: skip
    return found, {one.id: one.truth for one in made["test"]}


def _check(data: Path, row: Row, is_test: bool) -> None:
    """Raises InputError where a row's scan or mask cannot be used."""
    volume = read_case_file(data, row, "image")
    if row.get("mask"):
        check_mask_fits(row["id"], volume, read_case_file(data, row, "mask"))
    if is_test:  # as the network does that is to name its class
        check_scan(volume)


def _readers(workspace: Workspace, cases: Sequence[ShoulderCase], readers: Path | None) -> list[Reader]:
    names = [case.id for case in cases]
    if readers is not None:
        return read_readers(readers, names, workspace.settings.codes)
    path = workspace.folder / "simulated-readers.csv"
    if not path.exists():
        truth = {case.id: case.tear_class for case in cases}
        write_readers(path, simulated_readers(truth, test_seed(workspace.settings.seed)))
    return read_readers(path, names)


def _answers(
    workspace: Workspace, method: RunMethod[TearClassifier], cases: Sequence[ShoulderCase], is_main: bool
) -> Answers:
    settings = workspace.settings
    report = workspace.stage(f"Testing, {method.title}")
    folder = workspace.folder / "answers" / method.name
    repeats = None
    if is_main:
        repeats = {"method": settings.repeat_method, "count": settings.repeats, "seed": settings.seed}
    rows, map_files, warm = [], {}, False
    for number, case in enumerate(cases):
        path = folder / f"{case.id}.npz"
        if not path.exists():
            workspace.check()
            report(number / len(cases), f"case {number + 1} of {len(cases)}")
            classifier, (volume, mask) = method.ready(), case.read()
            with naming(case.id):
                if not warm:
                    classifier.predict(volume)
                    warm = True
                started = time.perf_counter()
                answer = classifier.predict(volume)
                seconds = time.perf_counter() - started
            arrays: dict[str, Any] = {
                "probabilities": np.array(answer.probabilities),
                "seconds": seconds,
                "map": answer.maps["tear_versus_none"],
                "map_ijk_to_lps": answer.maps_ijk_to_lps,
            }
            if repeats:
                arrays["runs"] = classifier.repeated(volume, repeats)
            save_arrays(path, **arrays, **_measured(arrays, volume, mask))
        with np.load(path) as kept:
            row = {name: kept[name] for name in kept.files}
        if _MEASURED not in row:
            row |= _measured(row, *case.read())
            save_arrays(path, **row)
        rows.append(row)
        map_files[case.id] = path
    maps = {}
    for case, row in zip(cases, rows):
        record = json.loads(str(row[_MEASURED]))
        if record:
            maps[case.id] = Localization(**{**record, "peak_lps_mm": tuple(record["peak_lps_mm"])})
    return Answers(
        np.stack([row["probabilities"] for row in rows]),
        np.array([float(row["seconds"]) for row in rows]),
        maps,
        np.stack([row["runs"] for row in rows], axis=1) if repeats else None,
        map_files,
    )


def _measured(answer: Mapping[str, Any], volume: Volume, mask: np.ndarray | None) -> dict[str, str]:
    """The map of an answer against the tear, as text of JSON under its name in the file; null without a mask."""
    found = None
    if mask is not None and mask.any():
        found = localization(answer["map"], answer["map_ijk_to_lps"], mask, volume.ijk_to_lps, TOLERANCE_MM).to_dict()
    return {_MEASURED: json.dumps(found)}
