"""Arab 2020's figures of this run: disagreement, examples, loss curves; bars by bleed type, limits of agreement."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radiologycnn.evaluation.segmentation_summary import with_reference
from radiologycnn.images import read_volume
from radiologycnn.reproduction.arab2020_groups import KIND_TITLES, main_kind
from radiologycnn.reproduction.arab2020_run import MAIN, ArabResults
from radiologycnn.reproduction.plots import COLORS, FigureEntry, log_axis, new_figure, save_figure
from radiologycnn.reproduction.slice_view import SliceView

_WINDOW_HU = (0.0, 80.0)


def arab2020_figures(results: ArabResults) -> list[FigureEntry]:
    """All that this run has the data for."""
    folder = results.workspace.folder / "figures"
    made = [_disagreement(results, folder), _examples(results, folder), _loss_curves(results, folder)]
    made += [_methods(results, folder), _by_kind(results, folder), _bland_altman(results, folder)]
    return [figure for figure in made if figure]


def _source(results: ArabResults) -> str:
    return "Simulated scans." if results.simulated else "Scans of the data folder."


def _disagreement(results: ArabResults, folder: Path) -> FigureEntry | None:
    if not results.pairs:
        return None
    raters = list(dict.fromkeys(row[side] for side in ("first", "second") for row in results.pairs))
    matrix = np.zeros((len(raters), len(raters)))
    for row in results.pairs:
        i, j = raters.index(row["first"]), raters.index(row["second"])
        matrix[i, j] = matrix[j, i] = 100 * row["disagreement"]
    with new_figure(4.6, 3.8) as (figure, axes):
        top = max(float(matrix.max()), 1.0)
        image = axes.imshow(matrix, cmap="Greys", vmin=0, vmax=top)
        for i in range(len(raters)):
            for j in range(len(raters)):
                color = "white" if matrix[i, j] > 0.55 * top else "black"
                axes.text(j, i, f"{matrix[i, j]:.0f}", ha="center", va="center", color=color)
        axes.set_xticks(range(len(raters)), raters)
        axes.set_yticks(range(len(raters)), raters)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        figure.colorbar(image, ax=axes, label="Disagreement of volumes (%)", shrink=0.9)
        raters_are = "Simulated raters" if results.simulated_raters else "Raters"
        method = " and CNN-DS (M)" if results.has_method else ""
        caption = (
            f"{raters_are} (E){method}: mean of |difference| / mean of the two volumes, in per cent. Darker: more "
            "disagreement. The paper prints its matrix as grey blocks without numbers."
        )
        return save_figure(
            figure, folder, "figure-1-disagreement", "Figure 1. Disagreement of each pair of raters", caption
        )


def _examples(results: ArabResults, folder: Path) -> FigureEntry | None:
    chosen = _chosen_examples(results.metrics.get(MAIN, []))
    if not chosen:
        return None
    cases = {case.id: case for case in results.cases["test"]}
    titles = ("Scan", "Reference", "CNN-DS")
    with new_figure(7.2, 2.3 * len(chosen), len(chosen), 3, squeeze=False) as (figure, axes):
        for row, (letter, words, metrics) in enumerate(chosen):
            case = cases[metrics["case"]]
            volume, mask = case.read()
            view = SliceView(volume, "axial")
            truth, found = view(mask), view(read_volume(results.masks[MAIN][case.id]).array > 0)
            k, scan, aspect = _slice_to_show(truth, found, words), view(volume.array), view.aspect
            for column, (one, mask) in enumerate(zip(axes[row], (None, truth, found))):
                one.imshow(scan[k], cmap="gray", vmin=_WINDOW_HU[0], vmax=_WINDOW_HU[1], aspect=aspect)
                if mask is not None:
                    tint = np.zeros((*mask[k].shape, 4))
                    tint[mask[k]] = (0.84, 0.37, 0.0, 0.6) if column == 1 else (0.0, 0.62, 0.45, 0.65)
                    one.imshow(tint, aspect=aspect, interpolation="nearest")
                one.set_axis_off()
                if row == 0:
                    one.set_title(titles[column])
            axes[row, 0].text(
                -0.04, 0.5, f"{letter}  {words}\nDice {metrics['dice']:.2f}", transform=axes[row, 0].transAxes,
                ha="right", va="center", rotation=90, multialignment="center", fontsize=9,
            )  # fmt: skip
        caption = (
            f"{_source(results)} Chosen by rule: A the best case, B the most volume invented, C the most missed, D the "
            "worst of the rest; each at the slice that shows it. Window 0 to 80 HU."
        )
        return save_figure(figure, folder, "figure-2-examples", "Figure 2. Examples", caption, pictures=True)


def _chosen_examples(metrics: Sequence[dict[str, Any]]) -> list[tuple[str, str, dict[str, Any]]]:
    """The paper's four kinds of example, each another case."""
    left = [row for row in metrics if row["reference_ml"] > 0]
    found = []
    rules = (
        ("A", "best", lambda row: row["dice"]),
        ("B", "false positive", lambda row: row["found_ml"] * (1 - row["precision"])),
        ("C", "false negative", lambda row: row["reference_ml"] * (1 - row["recall"])),
        ("D", "worst", lambda row: -row["dice"]),
    )
    for letter, words, value in rules:
        if left:
            best = max(left, key=value)
            left.remove(best)
            found.append((letter, words, best))
    return found


def _slice_to_show(truth: np.ndarray, found: np.ndarray, words: str) -> int:
    shown = {"false positive": found & ~truth, "false negative": truth & ~found, "worst": truth ^ found}
    area = shown.get(words, truth).sum(axis=(1, 2))
    return int(area.argmax()) if area.any() else int(truth.sum(axis=(1, 2)).argmax())


def read_log(path: Path) -> dict[str, np.ndarray]:
    """Columns of a training log as numbers; NaN where a cell is empty."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "stage"] if rows else []
    return {name: np.array([float(row[name]) if row[name] else np.nan for row in rows]) for name in names}


def _loss_curves(results: ArabResults, folder: Path) -> FigureEntry | None:
    curves = [("cnn_ds", "with deep supervision"), ("cnn_ds_without", "without deep supervision")]
    paths = [(title, results.fits[name].log) for name, title in curves if name in results.fits]
    logs = [(title, read_log(path)) for title, path in paths if path]
    if not logs:
        return None
    with new_figure(6.4, 3.8) as (figure, axes):
        for (title, log), color in zip(logs, COLORS):
            axes.plot(log["epoch"], log["train_loss"], color=color, label=f"{title}, training")
            axes.plot(log["epoch"], log["validation_loss"], color=color, ls="--", label=f"{title}, validation")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("Epoch")
        axes.set_ylabel("Loss")
        axes.legend(fontsize=9)
        caption = (
            f"{_source(results)} Solid: training, dashed: validation. In the paper the loss with supervision falls "
            "faster and ends lower. Where a run has a coarse stage, its epochs come first and have another scale."
        )
        return save_figure(figure, folder, "figure-3-loss", "Figure 3. Loss with and without deep supervision", caption)


def _methods(results: ArabResults, folder: Path) -> FigureEntry | None:
    names = list(results.metrics)
    with new_figure(8.6, 0.42 * len(names) + 1.4, 1, 2, sharey=True) as (figure, axes):
        places = np.arange(len(names))[::-1]
        for place, name in zip(places, names):
            color = COLORS[0] if name == MAIN else COLORS[6]
            dice = [row["dice"] for row in with_reference(results.metrics[name])]
            axes[0].barh(place, np.mean(dice) if dice else 0.0, color=color, alpha=0.35, height=0.6)
            axes[0].plot(dice, place + np.linspace(-0.18, 0.18, len(dice)), ".", color=color, ms=5, clip_on=False)
        axes[0].set_yticks(places, [results.titles[name] for name in names])
        axes[0].set_xlim(0, 1)
        axes[0].set_xlabel("Dice (bars: mean, points: cases)")
        times = [float(np.mean(results.seconds[name])) for name in names]
        colors = [COLORS[0] if name == MAIN else COLORS[6] for name in names]
        if max(times) > 10 * min(times):  # a logarithmic axis has no zero for a bar to stand on
            axes[1].scatter(times, places, color=colors, s=36, zorder=3)
            axes[1].grid(axis="x", color="#dddddd", lw=0.8)
            log_axis(axes[1], "x")
        else:
            axes[1].barh(places, times, color=colors, alpha=0.6, height=0.6)
        axes[1].set_xlabel("Time for a case (s)")
        caption = (
            f"{_source(results)} Dice of every method on the test cases with a bleed, and time on all of them, on "
            f"{results.device_name}."
        )
        return save_figure(figure, folder, "figure-methods", "Methods side by side", caption)


def _by_kind(results: ArabResults, folder: Path) -> FigureEntry | None:
    truths = {case.id: results.truths[case.id] for case in results.cases["test"] if case.id in results.truths}
    by_kind: dict[str, list[float]] = {}
    for row in with_reference(results.metrics.get(MAIN, ())) if truths else ():
        by_kind.setdefault(main_kind(truths[row["case"]]), []).append(row["dice"])
    kinds = [kind for kind in KIND_TITLES if kind in by_kind]
    if not kinds:
        return None
    with new_figure(5.6, 3.4) as (figure, axes):
        for place, kind in enumerate(kinds):
            scores = by_kind[kind]
            axes.bar(place, np.mean(scores), color=COLORS[0], alpha=0.35, width=0.6)
            axes.plot(place + np.linspace(-0.15, 0.15, len(scores)), scores, ".", color=COLORS[0], ms=5, clip_on=False)
        axes.set_xticks(range(len(kinds)), [f"{KIND_TITLES[k]}\nn = {len(by_kind[k])}" for k in kinds], fontsize=9)
        axes.set_ylim(0, 1)
        axes.set_ylabel("Dice")
        caption = f"{_source(results)} CNN-DS by the type of the largest bleed (bars: mean, points: cases)."
        return save_figure(figure, folder, "figure-by-type", "Dice by type of bleed", caption)


def _bland_altman(results: ArabResults, folder: Path) -> FigureEntry | None:
    rows = with_reference(results.metrics.get(MAIN, []))  # of others, many zeros would agree
    if len(rows) < 3:
        return None
    reference, found = (np.array([row[key] for row in rows]) for key in ("reference_ml", "found_ml"))
    difference = found - reference
    bias, reach = float(difference.mean()), 1.96 * float(difference.std(ddof=1))
    with new_figure(5.6, 3.6) as (figure, axes):
        axes.plot((reference + found) / 2, difference, "o", color=COLORS[0], ms=5, alpha=0.8)
        for value, style in ((bias, "-"), (bias - reach, "--"), (bias + reach, "--")):
            axes.axhline(value, color=COLORS[6], ls=style, lw=1)
            axes.annotate(
                f"{value:+.1f}", (1, value), xycoords=("axes fraction", "data"), xytext=(4, 0),
                textcoords="offset points", va="center", fontsize=9, annotation_clip=False,
            )  # fmt: skip
        axes.set_xlabel("Mean of both volumes (mL)")
        axes.set_ylabel("CNN-DS less reference (mL)")
        caption = (
            f"{_source(results)} Bias and 95 % limits of agreement of CNN-DS's volumes with the reference, on the test "
            "cases with a bleed."
        )
        return save_figure(figure, folder, "figure-volumes", "Volumes: Bland and Altman", caption)
