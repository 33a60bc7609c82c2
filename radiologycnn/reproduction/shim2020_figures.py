"""Shim 2020's figures of this run: ROC with readers, bars, times, activation maps; confusion and calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.evaluation.classification_metrics import calibration, roc_curve, tear_class_metrics
from radiologycnn.images.grid import resample
from radiologycnn.networks.activation import normalize_map
from radiologycnn.reproduction import shim2020 as paper
from radiologycnn.reproduction.plots import COLORS, FigureEntry, log_axis, new_figure, save_figure
from radiologycnn.reproduction.shim2020_readers import metric_groups, reader_figures, repeated_figures
from radiologycnn.reproduction.shim2020_run import MAIN, ShimResults
from radiologycnn.reproduction.slice_view import SliceView

_MARKS = ("s", "^", "D", "v", "P")


def shim2020_figures(results: ShimResults) -> list[FigureEntry]:
    """All that this run has the data for."""
    if MAIN not in results.answers:
        return []
    folder = results.workspace.folder / "figures"
    made = [_roc(results, folder), _groups(results, folder), _maps(results, folder), _confusion(results, folder)]
    made += [_recall(results, folder), _calibration(results, folder), _networks(results, folder)]
    return [figure for figure in made if figure]


def _source(results: ShimResults, readers: bool = False) -> str:
    words = ["Simulated scans" if results.simulated else "Scans of the data folder"]
    if readers:
        words.append("simulated readers" if results.simulated_readers else "human readers")
    return ", ".join(words) + "."


def _reader_groups(results: ShimResults) -> list[str]:
    return list(dict.fromkeys(reader.group for reader in results.readers))


def _roc(results: ShimResults, folder: Path) -> FigureEntry | None:
    is_tear = results.truth > 0
    if is_tear.all() or not is_tear.any():
        return None
    answers = results.answers[MAIN]
    curve = roc_curve(is_tear, 1 - answers.probabilities[:, 0])
    groups = _reader_groups(results)
    with new_figure(8.6, 3.9, 1, 2, width_ratios=(1.25, 1)) as (figure, axes):
        axes[0].plot(
            curve.false_positive_rate, curve.true_positive_rate, color=COLORS[0], label=f"VRN, AUC {curve.auc:.2f}"
        )
        axes[0].plot((0, 1), (0, 1), color="#bbbbbb", lw=1, zorder=0)
        for number, group in enumerate(groups):
            own = [figures for reader, figures in reader_figures(results) if reader.group == group]
            axes[0].plot(
                [1 - one["specificity"] for one in own], [one["sensitivity"] for one in own], ls="",
                marker=_MARKS[number % len(_MARKS)], color=COLORS[(number + 1) % len(COLORS)], ms=6, alpha=0.8,
                label=group,
            )  # fmt: skip
        axes[0].set(xlabel="1 – specificity", ylabel="Sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes[0].set_aspect("equal")
        axes[0].legend(loc="lower right", fontsize=9)
        axes[0].set_title("A", loc="left", fontweight="bold")
        values = {paper.CNN: [one["accuracy"] for one in repeated_figures(results)]}
        for reader, figures in reader_figures(results):
            values.setdefault(reader.group, []).append(figures["accuracy"])
        _bars(axes[1], values, 100)
        axes[1].set_ylabel("Binary accuracy (%)")
        axes[1].set_ylim(0, 100)
        axes[1].set_title("B", loc="left", fontweight="bold")
        caption = (
            f"{_source(results, True)} A: each mark is a reader. B: mean; points: the network's repeats, the readers."
        )
        return save_figure(figure, folder, "figure-3-roc", "Figure 3. ROC with readers, and binary accuracy", caption)


def _bars(axes: Any, values: dict[str, list[float]], factor: float = 1.0, log: bool = False) -> None:
    """Bars of the means; on a logarithmic axis, which has no zero for a bar to stand on, lines at the medians."""
    for place, own in enumerate(values.values()):
        color = COLORS[place % len(COLORS)]
        scaled = factor * np.array([value for value in own if value is not None])
        if not log:
            axes.bar(place, scaled.mean() if len(scaled) else 0, color=color, alpha=0.35, width=0.6)
        elif len(scaled):
            axes.hlines(np.median(scaled), place - 0.3, place + 0.3, color=color, lw=2)
        axes.plot(place + np.linspace(-0.2, 0.2, len(scaled)), scaled, ".", color=color, ms=5, clip_on=False)
    axes.set_xticks(range(len(values)), [group.replace(" ", "\n") for group in values], fontsize=8)


def _groups(results: ShimResults, folder: Path) -> FigureEntry | None:
    with new_figure(8.6, 3.4, 1, 3) as (figure, axes):
        for one, metric, letter in zip(axes, ("top1", "top1_within_one", "seconds"), "ABC"):
            groups = metric_groups(results, metric)
            _bars(one, groups, 1 if metric == "seconds" else 100, metric == "seconds")
            one.set_ylabel(paper.METRIC_TITLES[metric] + ("" if metric == "seconds" else " (%)"))
            if metric == "seconds":
                log_axis(one, "y")
            else:
                one.set_ylim(0, 100)
            one.set_title(letter, loc="left", fontweight="bold")
        caption = (
            f"{_source(results, True)} Bars: mean; lines: median; points: the network's repeats (time: its cases), the "
            "readers. The paper's Figure 4 shows A and C."
        )
        return save_figure(figure, folder, "figure-4-groups", "Figure 4. Classes and time", caption)


def _maps(results: ShimResults, folder: Path) -> FigureEntry | None:
    answers = results.answers[MAIN]
    chosen = []
    for index, name in enumerate(paper.CLASSES):
        members = [number for number, case in enumerate(results.cases["test"]) if case.tear_class == index]
        if members:
            # By rule: of each class the case that is named with the most confidence, right where one is right.
            best = max(members, key=lambda n: (answers.predicted[n] == index, answers.probabilities[n].max()))
            chosen.append((name, best))
    with new_figure(2.0 * len(chosen) + 0.5, 4.6, 2, len(chosen), squeeze=False) as (figure, axes):
        shown = None
        for column, (name, number) in enumerate(chosen):
            case = results.cases["test"][number]
            volume, mask = case.read()
            with np.load(answers.map_files[case.id]) as arrays:
                raw, matrix = arrays["map"], arrays["map_ijk_to_lps"]
            view = SliceView(volume)
            overlay = view(resample(normalize_map(raw), matrix, volume.ijk_to_lps, volume.array.shape))
            mask = None if mask is None else view(mask)
            is_tear = mask is not None and mask.any()
            k = int(overlay.max(axis=(1, 2)).argmax())
            if is_tear and not mask[k].any():
                # The slice of the peak where the tear is too; otherwise the nearest one with the tear.
                with_tear = np.flatnonzero(mask.any(axis=(1, 2)))
                k = int(with_tear[np.abs(with_tear - k).argmin()])
            grey, white, aspect = view(volume.array)[k], float(np.percentile(volume.array, 99.5)), view.aspect
            for row in (0, 1):
                axes[row, column].imshow(grey, cmap="gray", vmin=0, vmax=max(white, 1), aspect=aspect)
                axes[row, column].set_axis_off()
            shown = axes[1, column].imshow(
                overlay[k], cmap="inferno", vmin=0, vmax=1, aspect=aspect, alpha=np.clip(overlay[k] * 1.4, 0, 0.75)
            )
            if is_tear:
                axes[1, column].contour(mask[k], levels=[0.5], colors="#56E0F0", linewidths=1.2)
            said = paper.CLASSES[int(answers.predicted[number])]
            axes[0, column].set_title(name, fontsize=10)
            axes[1, column].set_title(f"called {said}", fontsize=8.5)
        figure.colorbar(shown, ax=axes[:, -1], label="Activation, share of its peak", shrink=0.6)
        caption = (
            f"{_source(results)} Above the scan, below the activation map of tear versus none (positive part) and the "
            "true tear's outline, at the slice of the map's peak, or of the tear nearest to it. One case a class, "
            "the most confident right one where there is one. The paper's Figure 5 renders volumes."
        )
        return save_figure(
            figure, folder, "figure-5-maps", "Figures 5 and 6. Activation maps and the tear", caption, pictures=True
        )


def _confusion(results: ShimResults, folder: Path) -> FigureEntry | None:
    confusion = tear_class_metrics(results.truth, results.answers[MAIN].predicted).confusion
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    with new_figure(5.4, 4.3) as (figure, axes):
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i in range(5):
            for j in range(5):
                axes.text(
                    j,
                    i,
                    str(confusion[i, j]),
                    ha="center",
                    va="center",
                    color="white" if shares[i, j] > 0.55 else "black",
                )
        names = [name.replace("-to-", "-to-\n") for name in paper.CLASSES]
        axes.set_xticks(range(5), names, fontsize=8.5)
        axes.set_yticks(range(5), names, fontsize=8.5)
        axes.set(xlabel="Called", ylabel="True")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        figure.colorbar(image, ax=axes, label="Share of the true class", shrink=0.85)
        return save_figure(
            figure, folder, "figure-confusion", "Confusion matrix", f"{_source(results)} Counts; not in the paper."
        )


def _recall(results: ShimResults, folder: Path) -> FigureEntry | None:
    names = [case.id for case in results.cases["test"]]
    recalls = {paper.CNN: [tear_class_metrics(results.truth, results.answers[MAIN].predicted).recall]}
    for reader in results.readers:
        answers = [reader.classes[name] for name in names]
        recalls.setdefault(reader.group, []).append(tear_class_metrics(results.truth, answers).recall)
    with new_figure(7.2, 3.4) as (figure, axes):
        width = 0.8 / len(recalls)
        for number, (group, rows) in enumerate(recalls.items()):
            means = []
            for index in range(5):
                known = [row[index] for row in rows if row[index] is not None]
                means.append(np.mean(known) if known else 0)
            places = np.arange(5) + (number - (len(recalls) - 1) / 2) * width
            axes.bar(places, means, width * 0.92, color=COLORS[number % len(COLORS)], label=group)
        counts = np.bincount(results.truth, minlength=5)
        axes.set_xticks(range(5), [f"{name}\nn = {count}" for name, count in zip(paper.CLASSES, counts)], fontsize=9)
        axes.set(ylabel="Recall", ylim=(0, 1))
        figure.legend(loc="outside upper center", ncols=len(recalls), fontsize=9)
        caption = f"{_source(results, True)} Share of each class that is named right; readers: mean of the group."
        return save_figure(figure, folder, "figure-recall", "Right answers by class", caption)


def _calibration(results: ShimResults, folder: Path) -> FigureEntry | None:
    found = calibration(results.truth > 0, np.clip(1 - results.answers[MAIN].probabilities[:, 0], 0, 1))
    filled = found.count > 0
    with new_figure(4.4, 3.9) as (figure, axes):
        axes.plot((0, 1), (0, 1), color="#bbbbbb", lw=1)
        axes.plot(found.mean_probability[filled], found.observed_share[filled], "o-", color=COLORS[0])
        axes.set(xlabel="Tear probability", ylabel="Share with a tear", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set_aspect("equal")
        caption = f"{_source(results)} Expected calibration error {found.expected_error:.2f}; not in the paper."
        return save_figure(figure, folder, "figure-calibration", "Calibration of the tear probability", caption)


def _networks(results: ShimResults, folder: Path) -> FigureEntry | None:
    if len(results.answers) < 2:
        return None
    truth = results.truth
    with new_figure(8.6, 0.5 * len(results.answers) + 1.6, 1, 2, sharey=True) as (figure, axes):
        places = np.arange(len(results.answers))[::-1]
        for place, (name, answers) in zip(places, results.answers.items()):
            color = COLORS[0] if name == MAIN else COLORS[6]
            metrics = tear_class_metrics(truth, answers.predicted)
            axes[0].barh(place, 100 * metrics.top1, color=color, alpha=0.6, height=0.6)
            axes[0].plot(100 * metrics.tear.accuracy, place, "D", color=color, ms=6, clip_on=False)
            axes[1].barh(place, np.median(answers.seconds), color=color, alpha=0.6, height=0.6)
        axes[0].set_yticks(places, [results.titles[name] for name in results.answers])
        axes[0].set_xlim(0, 100)
        axes[0].set_xticks((0, 25, 50, 75, 100))
        axes[0].set_xlabel("Top-1 (bars), binary accuracy (◆) (%)")
        axes[1].set_xlabel("Time for a case, median (s)")
        caption = f"{_source(results)} On {results.device_name}; the rivals are not in the paper."
        return save_figure(figure, folder, "figure-networks", "VRN and its rivals", caption)
