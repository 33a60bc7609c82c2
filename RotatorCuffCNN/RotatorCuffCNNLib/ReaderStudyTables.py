"""The comparison of a reader study as tables in the scene; a later comparison fills the same nodes."""

from slicer.i18n import tr as _

from radiologycnn.evaluation.words import p_words
from radiologycnn.readers.comparison_words import figure_words, quartile_words
from RadiologyCNNLib.SceneFigures import SceneFigures


def figures() -> SceneFigures:
    """The study's nodes in the scene."""
    return SceneFigures("RotatorCuffCNN.ReaderStudyTable", "RotatorCuffCNN.ReaderStudyPlot", _("Reader study: {name}"))


def updateTables(comparison: dict) -> list:
    """(name, table node) of each table that has rows, the most important one first."""
    groups = list(comparison["groups"])
    tables = [
        ("groups", _("Groups: median (quartiles)"), *_groups(comparison, groups)),
        ("pairs", _("Pairs of groups: adjusted p"), *_pairs(comparison)),
        ("binary", _("Tear or none: mean ± SD"), *_binary(comparison, groups)),
        ("readers", _("Each reader"), *_readers(comparison)),
        ("same cases", _("Network and readers on the same cases"), *_sameCases(comparison)),
        ("boxes", _("Map's peak in the readers' boxes"), *_boxes(comparison)),
        ("marks", _("Map's peak and each mark"), *_marks(comparison)),
    ]
    found = []
    for key, name, headings, rows in tables:
        if rows:
            found.append((name, figures().table(key, name, headings, rows)))
    return found


def _groups(comparison, groups) -> tuple:
    rows = [
        [row["words"], *(quartile_words(row["measure"], row["groups"][name]) for name in groups), p_words(row["p"])]
        for row in comparison["table3"]
    ]
    headings = [_("Measure"), *(f"{name} ({len(comparison['groups'][name])})" for name in groups), _("p")]
    return headings, rows


def _pairs(comparison) -> tuple:
    rows = [
        [
            row["words"],
            f"{row['first']} – {row['second']}",
            p_words(row["mann_whitney_p_bonferroni"]) + (" *" if row["significant"] else ""),
            p_words(row["dunn_p_bonferroni"]),
        ]
        for row in comparison["pairs"]
    ]
    return [_("Measure"), _("Groups"), _("Mann-Whitney"), _("Dunn")], rows


def _binary(comparison, groups) -> tuple:
    rows = []
    for row in comparison["table2"]:
        cells = [row["words"]]
        for name in groups:
            found = row["groups"][name]
            spread = "" if found["sd"] is None else f" ± {figure_words(row['measure'], found['sd'])}"
            unit = " %" if row["measure"] == "accuracy" else ""
            cells.append(f"{figure_words(row['measure'], found['mean'])}{spread}{unit}")
        rows.append(cells)
    return [_("Measure"), *groups], rows


def _readers(comparison) -> tuple:
    names = ("top1", "top1_within_one", "accuracy", "sensitivity", "specificity", "seconds")
    rows = [
        [row["name"], row["group"], str(row["cases"]), *(figure_words(name, row[name]) for name in names)]
        for row in comparison["members"]
    ]
    headings = [
        _("Reader"), _("Group"), _("Cases"), _("Top-1 (%)"), _("Top-1 ± 1 (%)"), _("Tear or none (%)"),
        _("Sensitivity"), _("Specificity"), _("Time (s)"),
    ]  # fmt: skip
    return headings, rows


def _sameCases(comparison) -> tuple:
    rows = [
        [
            row["second"],
            str(row["cases"]),
            f"{figure_words('top1', row['top1_first'])} / {figure_words('top1', row['top1_second'])}",
            p_words(row["top1_mcnemar_p"]),
            p_words(row["accuracy_mcnemar_p"]),
            p_words(row["auc_delong_p"]),
        ]
        for row in comparison["paired"]
    ]
    headings = [
        _("Reader"), _("Cases"), _("Top-1 (%), network / reader"), _("p top-1 (McNemar)"),
        _("p tear or none (McNemar)"), _("p AUC (DeLong)"),
    ]  # fmt: skip
    return headings, rows


def _boxes(comparison) -> tuple:
    """How often the peak lies in a reader's box around the tear, and how far from it it is (Figure 6 as numbers)."""
    marks = comparison.get("marks") or {}
    tolerance = f"{marks.get('tolerance_mm', 0):g}"
    near = f"peak_within_{tolerance}_mm"
    rows = [
        [
            reader,
            str(found["tears"]),
            _shareWords(found["peak_in_tear"], found["peak_in_tear_chance"]),
            _shareWords(found[near], found[f"{near}_chance"]),
            f"{found['distance_mm_median']:.1f}",
        ]
        for reader, found in (marks.get("summary") or {}).items()
    ]
    headings = [
        _("Reader"), _("Boxes"), _("Inside (chance)"), _("Within {mm} mm (chance)").format(mm=tolerance),
        _("Median distance (mm)"),
    ]  # fmt: skip
    return headings, rows


def _shareWords(share: float, chance: float) -> str:
    return f"{100 * share:.0f} % ({100 * chance:.1f} %)"


def _marks(comparison) -> tuple:
    rows = []
    for row in (comparison.get("marks") or {}).get("rows", []):
        inside = {None: "–", True: _("inside"), False: _("outside")}[row["peak_inside"]]
        rows.append([row["reader"], row["case"], row["mark"], inside, f"{row['distance_mm']:.1f}"])
    return [_("Reader"), _("Case"), _("Mark"), _("Map's peak"), _("Distance (mm)")], rows
