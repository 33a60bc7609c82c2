"""What the general runs (one model, folds, grid search) ask of a task, and the run that ends in a model package."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from radiologycnn.errors import InputError
from radiologycnn.evaluation.words import counted
from radiologycnn.models.export import export_if_possible
from radiologycnn.models.package import ModelPackage
from radiologycnn.models.weights import save_package
from radiologycnn.networks.devices import resolve_device
from radiologycnn.progress import IsCancelled, Progress, never_cancelled, no_progress
from radiologycnn.simulation.population import SETTINGS_NAME
from radiologycnn.training.case_files import read_manifest, simulated_id
from radiologycnn.training.case_set import CaseSet
from radiologycnn.training.checkpoints import check_folder
from radiologycnn.training.frozen import check_start
from radiologycnn.training.loop import TrainingLoop, TrainingResult
from radiologycnn.training.packages import (
    TEST_SEED_OFFSET,
    ModelName,
    NetworkRecord,
    OperatingPoint,
    check_model_name,
    describe,
    mark_of,
    weights_of,
)
from radiologycnn.training.run_record import begin_or_resume_one
from radiologycnn.training.settings import CommonSettings
from radiologycnn.training.train_network import train_network

RECORD_NAME = "training-run.json"
_FEW_CASES = 5


@dataclass(frozen=True)
class Figure:
    """A figure over some cases; ``sd`` is that of the single cases, where these have one each."""

    value: float
    cases: int
    sd: float | None = None


class TrainingTask(ABC):
    """A task with its settings and its source of cases.

    Args:
        data: folder with ``cases.csv``; None takes ``simulate`` simulated scans.
        jobs: processes for simulating.
        device: as people write it; :attr:`device` is the one that is used.
    """

    #: The package's task.
    name: ClassVar[str]
    #: Columns of a data folder's manifest that name a file in every row, and those that may.
    manifest_files: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]]
    #: What trains its network.
    loop: ClassVar[type[TrainingLoop]]
    #: Parameters of the architecture that a model to start from may differ in, as no weight depends on them.
    free_parameters: ClassVar[tuple[str, ...]]
    #: Values that the task's paper tuned over, by setting.
    paper_grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    #: The :meth:`stratum` of a case that holds nothing to be found.
    negative: ClassVar[str]
    #: What to do where the cases teach nothing.
    nothing_hint: ClassVar[str] = "Add cases with what is to be found, and check the masks."
    #: What a prepared case adds up to, by name: figures over rows of :meth:`assess`.
    figures: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], Figure]]

    def __init__(
        self,
        settings: CommonSettings,
        data: Path | None = None,
        simulate: int = 0,
        jobs: int = 1,
        device: str = "auto",
    ) -> None:
        self.settings, self.data, self.simulate, self.jobs = settings, data, simulate, jobs
        self.device = str(resolve_device(device))

    @property
    def simulated(self) -> bool:
        """Whether no one's scans are learned from: those simulated here, or a folder that ``simulate`` wrote."""
        return self.data is None or (self.data / SETTINGS_NAME).is_file()

    def with_settings(self, settings: CommonSettings) -> TrainingTask:
        """The same task and cases with other settings."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def source(self) -> dict[str, Any]:
        """What decides which cases there are, JSON-able: a run goes on only with the same."""
        return {"data": str(self.data.resolve()) if self.data else None, "simulate": self.simulate}

    def manifest(self) -> list[dict[str, str]]:
        """Rows of the data folder's manifest, checked; none of simulated cases."""
        return read_manifest(self.data, *self.manifest_files) if self.data else []

    def listed(self) -> CaseSet:
        """The cases that :meth:`prepare` will find, by their names alone: known before any scan is read."""
        if self.data is None:
            names = [simulated_id(self.settings.seed, index) for index in range(self.simulate)]
            return CaseSet.without_splits([Path(f"{name}.npz") for name in names])
        return CaseSet.of_manifest(self.manifest())

    @abstractmethod
    def describe_cases(self, count: int) -> str:
        """So many training cases in words, for the model's card."""

    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """The ``architecture`` record of the model package."""

    @abstractmethod
    def preprocessing_record(self) -> dict[str, Any]:
        """The ``preprocessing`` record of the model package."""

    @abstractmethod
    def label_records(self) -> list[dict[str, Any]]:
        """The ``labels`` of the model package."""

    @abstractmethod
    def default_title(self) -> str:
        """What people read in the list of models, where they gave no title."""

    @abstractmethod
    def prepare(
        self, folder: Path, progress: Progress = no_progress, cancelled: IsCancelled = never_cancelled
    ) -> CaseSet:
        """Bring the cases into the network's form, as files in ``folder/cases``; those already there are kept.

        Raises:
            InputError: a case that cannot be used.
            Cancelled: as ``cancelled`` said; the cases prepared by then stay.
        """

    @abstractmethod
    def stratum(self, path: Path) -> str:
        """The kind of a prepared case that every fold should hold its share of."""

    def train(
        self,
        training: list[Path],
        validation: list[Path],
        folder: Path,
        resume: bool = False,
        progress: Progress = no_progress,
        cancelled: IsCancelled = never_cancelled,
        start_weights: Mapping[str, Any] | None = None,
    ) -> TrainingResult:
        """Train and validate, see :func:`.train_network.train_network`."""
        return train_network(
            self.loop, training, validation, self.settings, folder, resume, self.device, progress, cancelled,
            start_weights,
        )  # fmt: skip

    def say_if_few(self, validation: Sequence[Any], progress: Progress) -> None:
        """Tell that so few cases decide on little more than chance."""
        if 0 < len(validation) < _FEW_CASES:
            decided = "which epoch and threshold are" if self.settings.keep == "best" else "which threshold is"
            progress(
                0.0,
                f"Only {counted(len(validation), 'case')} to validate on: chance decides {decided} taken for the best. "
                "Name more in the column split, or a larger validation_share in a file for --settings",
            )

    @abstractmethod
    def operating_point(self, result: TrainingResult, validation: list[Path]) -> OperatingPoint:
        """The model's threshold by its validation cases, and their figures for its card."""

    def weights_at(self, point: OperatingPoint, result: TrainingResult) -> Mapping[str, Any]:
        """What the package is saved with: the weights as trained, where a task does not fit them to the point."""
        return result.state_dict

    @abstractmethod
    def tested(self, package: ModelPackage, count: int, seed: int, progress: Progress) -> dict[str, Any]:
        """Figures of a package on simulated scans that nothing else has seen."""

    @abstractmethod
    def assess(
        self, package: ModelPackage, paths: Sequence[Path], progress: Progress, cancelled: IsCancelled
    ) -> list[dict[str, Any]]:
        """One JSON-able row a case, ``case`` first, of what :attr:`figures` need; ``problem`` where it was refused."""

    @abstractmethod
    def score(self, figures: Mapping[str, float]) -> tuple[float, ...]:
        """How good the validation figures of a training are; the larger is the better."""

    def shared_out(self, cases: CaseSet) -> tuple[list[Path], list[Path]]:
        """See :meth:`CaseSet.shared_out`; the cases need not be prepared yet."""
        return cases.shared_out(self.settings.validation_share, self.settings.seed)

    def split(self, cases: CaseSet) -> tuple[list[Path], list[Path]]:
        """:meth:`shared_out` of prepared cases.

        Raises:
            InputError: as there, or nothing to be found in any of those to train on.
        """
        training, validation = self.shared_out(cases)
        self.check_kinds([self.stratum(path) for path in training])
        return training, validation

    def check_kinds(self, kinds: Sequence[str], run: str = "") -> None:
        """Refuse to train where nothing can be learned.

        Args:
            kinds: :meth:`stratum` of each case to train on.
            run: whose cases they are, such as "Fold 2", where there are several trainings.

        Raises:
            InputError: as said.
        """
        if not self.teaches_nothing(set(kinds)):
            return
        cases = "the only case to train on is" if len(kinds) == 1 else f"all {len(kinds)} cases to train on are"
        sentence = f"{cases} “{kinds[0]}”: there is nothing to learn from {'it' if len(kinds) == 1 else 'them'}."
        message = f"{run}: {sentence}" if run else sentence[0].upper() + sentence[1:]
        raise InputError("nothing-to-learn", message, self.nothing_hint)

    def teaches_nothing(self, kinds: Set[str]) -> bool:
        """Whether cases of these kinds alone have nothing to learn from."""
        return kinds == {self.negative}

    def describe_source(self, count: int, started_from: Mapping[str, str]) -> str:
        """What a model learned from, for its card; the model before it as :func:`.packages.mark_of`."""
        started = f"; started from the model {started_from['id']}" if started_from else ""
        return self.describe_cases(count) + started

    def start_weights(self, package: Path | None) -> dict[str, Any] | None:
        """Weights to start from.

        Raises:
            InputError: the package's network is another one.
        """
        return weights_of(package, self.architecture(), self.free_parameters) if package else None

    def run(
        self,
        output: Path,
        model: ModelName,
        test: int = 0,
        resume: bool = False,
        start_from: Path | None = None,
        progress: Progress = no_progress,
        cancelled: IsCancelled = never_cancelled,
    ) -> ModelPackage:
        """Train one model and write ``<output>/<name>-<version>/``.

        Args:
            test: so many unseen simulated scans try the model at the end.
            start_from: a model package of the same architecture, whose weights are the first ones; to go on it need
                not be named again.

        Raises:
            InputError: no usable data, a folder with a training where none was to be resumed, or settings that do not
                fit the folder's checkpoint or the model to start from.
            Cancelled: as ``cancelled`` said; ``resume`` goes on from there.
        """
        check_model_name(model.name, model.version)
        check_folder(output, resume)
        weights = self.start_weights(start_from)
        check_start(self.settings, weights, resume)
        self.shared_out(self.listed())  # before the first scan is read, too
        # Not where the data lies: a run may be moved with it, and the cases are compared by their names.
        cases = {name: value for name, value in self.source().items() if name != "data"}
        started_from = begin_or_resume_one(output / RECORD_NAME, cases, mark_of(start_from), resume)
        training, validation = self.split(self.prepare(output, progress, cancelled))
        self.say_if_few(validation, progress)
        result = self.train(training, validation, output, resume, progress, cancelled, weights)
        source = self.describe_source(len(training), started_from)
        return self.finish(output / model.folder, result, validation, source, model, test, progress)

    def finish(
        self,
        folder: Path,
        result: TrainingResult,
        validation: list[Path],
        source: str,
        model: ModelName,
        test: int = 0,
        progress: Progress = no_progress,
        export: bool = True,
    ) -> ModelPackage:
        """Choose the operating point, write the package, test it end to end, write its figures.

        Args:
            export: add the network for machines without torch.
        """
        point = self.operating_point(result, validation)
        weights = self.weights_at(point, result)
        titled = replace(model, title=model.title or self.default_title())
        network = NetworkRecord(self.name, self.architecture(), self.preprocessing_record(), self.label_records())

        def written() -> ModelPackage:
            record = describe(titled, network, self.settings, source, self.simulated, point)
            return save_package(folder, weights, record)

        package = written()
        if test:
            point.performance["test"] = self.tested(package, test, self.settings.seed + TEST_SEED_OFFSET, progress)
            package = written()
        if export:
            package, note = export_if_possible(package)
            if note:
                progress(1.0, note)
        return package
