"""The comparison as one HTML page, to read or print, that needs nothing else. Light: standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from radiologycnn.evaluation.words import p_words
from radiologycnn.html_page import RESEARCH_USE, html_page
from radiologycnn.readers import charts
from radiologycnn.readers.comparison_style import COMPARISON_STYLE
from radiologycnn.readers.comparison_words import SHARES, figure_words, map_words, network_words, quartile_words

_READINGS = (
    "A reader gives one value for each measure, over the cases answered; the median and quartiles are over the readers"
    " of a group. Diagnostic time is the reader's median over the cases.",
    "Top-1 ± 1 counts a neighbouring class as right, in the order None, Partial, Small, Medium, Large-to-Massive. The"
    " strict figure in the readers' table does not forgive None for Partial, or Partial for None.",
    "Groups: Kruskal-Wallis; pairs: Mann-Whitney U, and Dunn's test, each p multiplied by the number of pairs"
    " (Bonferroni). An asterisk stands for an adjusted p (Mann-Whitney) below 0.05.",
    "Same cases: McNemar's exact test of who is right more often; DeLong's test of the areas under the ROC curves, in"
    " which a reader's five classes count as a rating of severity. It needs two cases with a tear and two without.",
    "95 % intervals over cases: Wilson's for shares of cases, DeLong's in the logit for the area under the ROC curve;"
    " none for an area of 1, whose cases do not tell how it varies.",
)


def comparison_page(comparison: Mapping[str, Any], title: str, made_at: datetime | None = None) -> str:
    """The page as text, to be written as UTF-8.

    Args:
        comparison: from ``comparison.compare``, and ``marks`` from ``mark_checks.check_marks``; ``networks`` and
            ``settings`` of the study, as ``comparison.json`` has them, may lack.
        title: of the study.
        made_at: date and time on the page; now where None.
    """
    made_at = made_at or datetime.now().astimezone()
    groups = list(comparison["groups"])
    names = ", ".join(f"{name} ({len(members)})" for name, members in comparison["groups"].items())
    facts = f"{comparison['cases']} cases, {comparison['tears']} of them with a tear. {names}."
    parts = [
        f"<header><h1>Reader study: {escape(title)}</h1><p class='research'>{escape(RESEARCH_USE)}</p></header>",
        f"<p class='facts'>{escape(facts)} Made {escape(made_at.strftime('%Y-%m-%d %H:%M %Z').strip())}.</p>",
        *(_network(one) for one in comparison.get("networks", ())),
        f"<p class='facts'>{escape(map_words(comparison['settings']))}</p>" if "settings" in comparison else "",
        _notes(comparison["notes"]),
        _table_3(comparison, groups),
        _figures(comparison, groups),
        _pairs(comparison["pairs"]),
        _table_2(comparison, groups),
        _paired(comparison["paired"]),
        _marks(comparison.get("marks")),
        _members(comparison["members"]),
        f"<section class='how'><h2>How it is computed</h2><ul>{''.join(f'<li>{escape(one)}</li>' for one in _READINGS)}"
        "</ul><p>Measures and tests after Shim et al., Scientific Reports 10 (2020).</p></section>",
    ]
    return html_page(f"Reader study: {title}", COMPARISON_STYLE, "\n".join(part for part in parts if part))


# ---- parts of the page ---------------------------------------------------------------------------------------------


def _table(caption: str, heading: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heading)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        f"<div class='wide'><table class='{kind}'><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _network(network: Mapping[str, Any]) -> str:
    kind = "warning" if network["simulated"] else "facts"
    return f"<p class='{kind}'>{escape(network_words(network))}</p>"


def _notes(notes: Sequence[str]) -> str:
    return f"<ul class='notes'>{''.join(f'<li>{escape(one)}</li>' for one in notes)}</ul>" if notes else ""


def _table_3(comparison: Mapping[str, Any], groups: Sequence[str]) -> str:
    several = len(groups) > 1
    rows = []
    for row in comparison["table3"]:
        cells = [row["words"], *(quartile_words(row["measure"], row["groups"][name]) for name in groups)]
        rows.append(cells + ([p_words(row["p"])] if several else []))
    heading = ["", *groups, *(["p (Kruskal-Wallis)"] if several else [])]
    return _table("Classification by group: median (first, third quartile)", heading, rows)


def _table_2(comparison: Mapping[str, Any], groups: Sequence[str]) -> str:
    rows = []
    for row in comparison["table2"]:
        cells = [row["words"]]
        for name in groups:
            found = row["groups"][name]
            mean = figure_words(row["measure"], found["mean"])
            spread = "" if found["sd"] is None else f" ± {figure_words(row['measure'], found['sd'])}"
            unit = " %" if row["measure"] in SHARES and found["mean"] is not None else ""
            cells.append(f"{mean}{spread}{unit}")
        rows.append(cells)
    return _table("Tear or none, by group: mean ± SD", ["", *groups], rows)


def _figures(comparison: Mapping[str, Any], groups: Sequence[str]) -> str:
    members = comparison["members"]

    def values(measure: str) -> dict[str, list[tuple[str, float]]]:
        return {
            group: [
                (row["name"], row[measure]) for row in members if row["group"] == group and row[measure] is not None
            ]
            for group in groups
        }

    curves = [(one["name"], one["false_positive_rate"], one["true_positive_rate"]) for one in comparison["roc"]]
    points = [
        (row["name"], groups.index(row["group"]), 1 - row["specificity"], row["sensitivity"])
        for row in members
        if row["specificity"] is not None and row["sensitivity"] is not None
    ]

    def percent(value: float) -> str:
        return f"{100 * value:.0f} %"

    figures = [
        (charts.roc_chart(curves, points), _roc_words(comparison["roc"])),
        (charts.group_chart(values("accuracy"), "Accuracy, tear or none", percent), "Binary accuracy."),
        (charts.group_chart(values("top1"), "Top-1 accuracy", percent), "Top-1 accuracy of the five classes."),
    ]
    times = values("seconds")
    if any(times.values()):

        def seconds(value: float) -> str:
            return f"{value:g}" if value == 0 or value in (10.0**p for p in range(-6, 7)) else f"{value:.3g} s"

        chart = charts.group_chart(times, "Diagnostic time (s)", seconds, logarithmic=True)
        figures.append((chart, "Diagnostic time, on a logarithmic scale."))
    drawn = "".join(f"<figure>{chart}<figcaption>{escape(words)}</figcaption></figure>" for chart, words in figures)
    return f"<section><h2>Figures</h2>{charts.legend(groups)}<div class='figures'>{drawn}</div></section>"


def _roc_words(curves: Sequence[Mapping[str, Any]]) -> str:
    if not curves:
        return "Sensitivity and specificity of each reader; the network's ROC curve needs its probabilities."
    first = curves[0]
    low, high = first["auc_95"]
    interval = "–" if low is None else f"{low:.3f} to {high:.3f}"
    words = f"ROC curve of the network: area {first['auc']:.3f} (95 % {interval})"
    if not first["readers"]:
        return words + "."
    return f"{words}. {first['readers_below']} of {first['readers']} readers lie below it."


def _pairs(pairs: Sequence[Mapping[str, Any]]) -> str:
    """Table 3b-f in one: pairs down, measures across."""
    measures = list(dict.fromkeys(row["words"] for row in pairs))
    by_place = {(row["first"], row["second"], row["words"]): row for row in pairs}
    rows = []
    for first, second in dict.fromkeys((row["first"], row["second"]) for row in pairs):
        cells = [f"{first} – {second}"]
        for words in measures:
            row = by_place.get((first, second, words))
            if row is None:
                cells.append("–")
                continue
            star = " *" if row["significant"] else ""
            cells.append(f"{p_words(row['mann_whitney_p_bonferroni'])}{star} ({p_words(row['dunn_p_bonferroni'])})")
        rows.append(cells)
    caption = "Pairs of groups: adjusted p by Mann-Whitney (by Dunn)"
    return _table(caption, ["", *measures], rows) if rows else ""


def _paired(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [
        [
            row["second"],
            str(row["cases"]),
            f"{100 * row['top1_first']:.1f} / {100 * row['top1_second']:.1f}",
            p_words(row["top1_mcnemar_p"]),
            f"{100 * row['accuracy_first']:.1f} / {100 * row['accuracy_second']:.1f}",
            p_words(row["accuracy_mcnemar_p"]),
            "–" if row["auc_difference"] is None else f"{row['auc_difference']:+.3f}",
            p_words(row["auc_delong_p"]),
        ]
        for row in rows
    ]
    heading = [
        "",
        "Cases",
        "Top-1 (%)",
        "p (McNemar)",
        "Tear or none (%)",
        "p (McNemar)",
        "AUC difference",
        "p (DeLong)",
    ]
    caption = "The network and each reader on the same cases: network / reader"
    return _table(caption, heading, cells) if cells else ""


def _members(rows: Sequence[Mapping[str, Any]]) -> str:
    def interval(row: Mapping[str, Any], name: str) -> str:
        low, high = row[f"{name}_95"]
        return f"{100 * row[name]:.1f}\n({100 * low:.0f}–{100 * high:.0f})"

    cells = [
        [
            row["name"],
            row["group"],
            str(row["cases"]),
            interval(row, "top1"),
            interval(row, "top1_within_one"),
            figure_words("top1", row["top1_within_one_strict"]),
            interval(row, "accuracy"),
            figure_words("sensitivity", row["sensitivity"]),
            figure_words("specificity", row["specificity"]),
            figure_words("quadratic_kappa", row["quadratic_kappa"]),
            figure_words("seconds", row["seconds"]),
        ]
        for row in rows
    ]
    heading = [
        "", "Group", "Cases", "Top-1 %", "Top-1 ± 1 %", "strict %", "Tear or none %", "Sens.", "Spec.", "Kappa",
        "Time (s)",
    ]  # fmt: skip
    return _table("Each reader (in parentheses: 95 % interval over cases)", heading, cells, "each")


def _marks(marks: Mapping[str, Any] | None) -> str:
    if not marks or not marks["rows"]:
        return ""
    tolerance = f"{marks['tolerance_mm']:g}"
    rows = []
    for reader, found in marks["summary"].items():
        rows.append(
            [
                reader,
                str(found["tears"]),
                f"{100 * found['peak_in_tear']:.0f} % (chance {100 * found['peak_in_tear_chance']:.1f} %)",
                f"{100 * found[f'peak_within_{tolerance}_mm']:.0f} % "
                f"(chance {100 * found[f'peak_within_{tolerance}_mm_chance']:.1f} %)",
                f"{found['distance_mm_median']:.1f}",
            ]
        )
    heading = ["", "Boxes", "Peak inside the box", f"Peak within {tolerance} mm", "Median distance (mm)"]
    summary = _table("The network's map and the readers' boxes", heading, rows) if rows else ""
    each = [
        [
            f"{row['reader']}, {row['case']}",
            row["mark"],
            "–" if row["peak_inside"] is None else "inside" if row["peak_inside"] else "outside",
            f"{row['distance_mm']:.1f}",
        ]
        for row in marks["rows"]
    ]
    detail = _table("Each mark", ["", "Mark", "Peak", "Distance (mm)"], each)
    return f"{summary}<details><summary>Each mark ({len(each)})</summary>{detail}</details>"
