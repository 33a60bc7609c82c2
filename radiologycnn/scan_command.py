"""How the commands that look at scans go through them: one into the results folder, several into a folder each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import typer

from radiologycnn.errors import Cancelled, InputError, RadiologyCNNError
from radiologycnn.progress import IsCancelled, Progress, part_of
from radiologycnn.result_folder import check_result_folder, make_result_folder
from radiologycnn.terminal import show_progress, stop_on_interrupt

if TYPE_CHECKING:
    from radiologycnn.hemorrhage.inference import SegmentationResult
    from radiologycnn.images import Volume
    from radiologycnn.models.package import ModelPackage
    from radiologycnn.rotatorcuff.inference import ClassificationResult

#: The results of several scans, a line each, and why others gave none; both in the results folder.
TABLE_NAME, REFUSED_NAME = "scans.csv", "refused.csv"
#: Of several scans some may be such files: what one of them cannot follow is no reason to refuse it.
NO_SERIES = "The chosen series was left aside: this file holds one scan, and only DICOM has series to choose from."

#: Endings of files that hold scans; the longest first.
IMAGE_ENDINGS = (
    ".nii.gz", ".dicom", ".nhdr", ".nrrd", ".nii", ".hdr", ".img", ".mha", ".mhd", ".dcm", ".ima",
)  # fmt: skip

Network = TypeVar("Network")
Result = TypeVar("Result", bound="SegmentationResult | ClassificationResult")


class ScanCommand(ABC, Generic[Network, Result]):
    """A command that loads a model once and looks at one scan after another.

    Of several, one that is refused does not keep the others from their results, and no result stays in its folder: an
    earlier run's would be taken for this run's. The folder of a single scan may be that of another one, and a mistyped
    path must not empty it: where that scan is refused, the person is told of what lies there.

    Attributes:
        task: of the models that can do it.
    """

    task: str

    @abstractmethod
    def load(self, package: ModelPackage) -> Network:
        """The model, ready to look at scans."""

    @abstractmethod
    def look(self, network: Network, volume: Volume, folder: Path, report: Progress, stopped: IsCancelled) -> Result:
        """The result of one scan, with its files written into the folder."""

    @abstractmethod
    def result_files(self, folder: Path) -> list[Path]:
        """Files that lie in the folder under the names that :meth:`look` gives."""

    @abstractmethod
    def row(self, result: Result) -> dict[str, Any]:
        """The result in the table of all scans: cells by column."""

    @abstractmethod
    def words(self, result: Result) -> str:
        """The result in the list of all scans on the terminal."""

    def caution(self, result: Result) -> str:
        """Why the result is not to be relied on, as a sentence; "" where nothing of that kind is known."""
        return ""

    @abstractmethod
    def print_summary(self, result: Result) -> None:
        """The result of a single scan on the terminal."""

    def run(self, scans: Sequence[str], output: Path, model: str | None, series: str | None, quiet: bool) -> None:
        """Read, look, write and say it.

        Args:
            scans: files or DICOM folders.
            output: the results folder of a single scan; of several it holds a folder each, ``TABLE_NAME`` and, where
                some gave no result, ``REFUSED_NAME``.
            model: id, name or path; None takes the first.
            series: of DICOM folders, by number or uid.
            quiet: no progress, no summary.

        Raises:
            InputError: two scans of one name; no such model; the single scan is refused, or some of several.
            ResourceError: a device or a package is missing; the results cannot be written.
            Cancelled: as the person wished; what is finished stays.
        """
        names = scan_names(scans)
        check_result_folder(output)
        refused = 0
        try:
            with show_progress(quiet) as report, stop_on_interrupt() as stopped:
                from radiologycnn.models.catalog import find_model

                if len(scans) == 1:
                    report(0.0, "Reading the scan")
                    package = find_model(model, self.task)
                    result = self._look_at(scans[0], series, output, lambda: self.load(package), report, stopped)
                    origin = _Origin.of(result)
                else:
                    report(0.0, "Loading the model")
                    package = find_model(model, self.task)
                    found = dict(zip(names, scans))
                    lines, refused, origin = self._look_at_all(found, series, output, package, report, stopped)
                report(1.0, "Done")
        except RadiologyCNNError:
            if len(scans) == 1 and self.result_files(output):
                typer.echo(f"Note: {output} holds files of an earlier run.", err=True)
            raise
        if not quiet:
            if len(scans) == 1 and self.caution(result):
                typer.echo(f"Caution: {self.caution(result)}")
            if origin is not None:
                origin.print(package.title)
            if len(scans) == 1:
                self.print_summary(result)
            else:
                typer.echo("\n".join(lines))
            typer.echo(f"Results: {output}")
        if refused:
            message = f"{refused} of {len(scans)} scans gave no result."
            raise InputError("scans-refused", message, f"Why is in {output / REFUSED_NAME}.")

    def _look_at(
        self,
        scan: str,
        series: str | None,
        folder: Path,
        load: Callable[[], Network],
        report: Progress,
        stopped: IsCancelled,
    ) -> Result:
        from radiologycnn.images import read_volume
        from radiologycnn.images.checks import SIZE_LOST

        volume = read_volume(scan, series=int(series) if series and series.isdecimal() else series)
        if series and volume.provenance.get("format") != "DICOM":
            volume = replace(volume, notes=(*volume.notes, NO_SERIES))
        if stopped():
            raise Cancelled
        report(0.05, "Loading the model")
        network = load()
        try:
            return self.look(network, volume, folder, part_of(report, 0.1, 1.0), stopped)
        except InputError as error:
            if SIZE_LOST not in volume.notes:
                raise
            # at voxels of a wrong size anything is refused as what it is not
            raise InputError(error.code, f"{error.message} {SIZE_LOST}", error.hint) from error

    def _look_at_all(
        self,
        scans: dict[str, str],
        series: str | None,
        output: Path,
        package: ModelPackage,
        report: Progress,
        stopped: IsCancelled,
    ) -> tuple[list[str], int, _Origin | None]:
        """Lines on each scan, how many have no result, and the origin of all results."""
        from radiologycnn.evaluation.summary import write_rows

        network = self.load(package)
        make_result_folder(output)
        for name in (TABLE_NAME, REFUSED_NAME):
            (output / name).unlink(missing_ok=True)
        found: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        told: list[tuple[str, list[str]]] = []
        origins: list[_Origin] = []
        for number, (name, scan) in enumerate(scans.items()):

            def say(part: float, _stage: str, number: int = number, name: str = name) -> None:
                report((number + part) / len(scans), f"{name} ({number + 1} of {len(scans)})")

            say(0.0, "")
            try:
                result = self._look_at(scan, series, output / name, lambda: network, say, stopped)
            except Cancelled:
                raise
            except RadiologyCNNError as error:
                problem = f"{error}{self._removed(output / name)}"
                refused.append({"case": name, "scan": scan, "code": error.code, "problem": problem})
                write_rows(output / REFUSED_NAME, refused)
                told.append((f"{name}: no result. {problem}", []))
                continue
            own, caution = _Origin.of(result), self.caution(result)
            found.append({"case": name, "scan": scan, **self.row(result), **own.row()})
            write_rows(output / TABLE_NAME, found)
            told.append((f"{name}: {self.words(result)}", [f"Caution: {caution}"] * bool(caution) + own.remarks))
            origins.append(own)
        origin = _Origin.shared(origins)
        said_above = origin.remarks if origin else []
        lines = []
        for line, remarks in told:
            lines += [line, *(f"  {remark}" for remark in remarks if remark not in said_above)]
        return lines, len(refused), origin

    def _removed(self, folder: Path) -> str:
        """Remove the files of a result, and nothing else, from the folder of a scan that has none; "" or a sentence."""
        files = self.result_files(folder)
        try:
            for path in files:
                path.unlink()
            if files and not any(folder.iterdir()):
                folder.rmdir()
        except OSError as error:
            return f" An earlier or unfinished result is still in its folder: {error.strerror or error}."
        return " An earlier or unfinished result was removed from its folder." if files else ""


@dataclass(frozen=True)
class _Origin:
    """What made a result, and what is to be known of it."""

    model: str
    device_name: str
    notes: tuple[str, ...]

    @classmethod
    def of(cls, result: SegmentationResult | ClassificationResult) -> _Origin:
        return cls(result.provenance["model"], result.provenance["device_name"], tuple(result.notes))

    @classmethod
    def shared(cls, origins: Sequence[_Origin]) -> _Origin | None:
        """That of several results, with the notes alone that all of them have: a single one's are its own."""
        if not origins:
            return None
        last = origins[-1]
        common = (note for note in last.notes if len(origins) > 1 and all(note in one.notes for one in origins))
        return replace(last, notes=tuple(common))

    @property
    def remarks(self) -> list[str]:
        return [f"Note: {note}" for note in self.notes]

    def row(self) -> dict[str, str]:
        return {"model": self.model, "notes": " ".join(self.notes)}

    def print(self, model_title: str) -> None:
        typer.echo(f"Model: {model_title} ({self.model}), on {self.device_name}")
        for remark in self.remarks:
            typer.echo(remark)


def scan_names(scans: Sequence[str]) -> list[str]:
    """What the scans are called: a file's name without its endings, or a folder's.

    Before equal names stands the folder's around, and that one's folder's, as far as needed: p1-DICOM and p2-DICOM.

    Raises:
        InputError: two of one name even so, as the results of both would go to one folder.
    """
    paths = [Path(scan).resolve() for scan in scans]
    own = [path.name if path.is_dir() else without_ending(path.name) for path in paths]
    names = list(own)
    for depth in range(max((len(path.parts) for path in paths), default=0)):
        counts = Counter(name.lower() for name in names)
        if max(counts.values(), default=0) < 2:
            return names
        names = [
            "-".join([*path.parts[1:-1][-depth - 1 :], name]) if counts[now.lower()] > 1 else now
            for path, name, now in zip(paths, own, names)
        ]
    for number, name in enumerate(own):
        for earlier in range(number):
            if names[earlier].lower() == names[number].lower():
                raise InputError(
                    "same-name",
                    f"Two of the scans are called {name}: {scans[earlier]} and {scans[number]}.",
                    "Give them different names, or take them one at a time.",
                )
    return names


def without_ending(name: str) -> str:
    """A file's name without the ending of an image; what else stands behind a dot, as in a uid, is part of the name."""
    for ending in IMAGE_ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name
