"""Agreement between raters as tables and charts in the scene (Arab 2020, Table 2 and Figure 1; Bland-Altman)."""

from slicer.i18n import tr as _

from RadiologyCNNLib.SceneFigures import SceneFigures, withRoomForLegend


def figures() -> SceneFigures:
    """The nodes of the comparison."""
    return SceneFigures("HemorrhageSeg.AgreementTable", "HemorrhageSeg.AgreementPlot", _("Agreement: {name}"))


def updateTables(message: dict) -> list:
    """(name, table node) of each table, the most important one first; those of an earlier comparison are used again.

    Args:
        message: the worker's answer to ``agreement``.
    """
    nodes, found = figures(), []
    table = message["table"]
    if table["rows"]:
        name = _("Pairs of raters")
        found.append((name, nodes.table("pairs", name, table["columns"], table["rows"])))
    compared = message.get("comparison_table")
    if compared is not None:
        name = _("Network and raters")
        found.append((name, nodes.table("comparison", name, compared["columns"], compared["rows"])))
    matrix = message["matrix"]
    for key, name in (("absolute", _("Disagreement, absolute")), ("signed", _("Disagreement, signed"))):
        rows = [
            [rater, *("–" if value is None else f"{value:.3f}" for value in values)]
            for rater, values in zip(matrix["raters"], matrix[key])
        ]
        found.append((name, nodes.table(key, name, ["", *matrix["raters"]], rows)))
    rows = [
        [
            row["case"], f"{row['first']} – {row['second']}", _two(row["dice"]), _two(row["kappa"]),
            f"{row['first_ml']:.1f}", f"{row['second_ml']:.1f}",
        ]
        for row in message["case_rows"]
    ]  # fmt: skip
    if rows:
        name = _("Each case")
        headings = [_("Case"), _("Raters"), _("Dice"), _("Kappa"), _("First (mL)"), _("Second (mL)")]
        found.append((name, nodes.table("cases", name, headings, rows)))
    return found


def updateConsensusTable(message: dict):
    """(name, table node): each case's consensus, and each rater's Dice with it.

    Args:
        message: the worker's answer to ``consensus``.
    """
    raters = sorted({rater for case in message["cases"] for rater in case["dice"]})
    rows = [
        [case["case"], f"{case['volume_ml']:.1f}", *(_two(case["dice"].get(rater)) for rater in raters)]
        for case in message["cases"]
    ]
    name = _("Raters and consensus")
    headings = [_("Case"), _("Consensus (mL)"), *(_("Dice {rater}").format(rater=rater) for rater in raters)]
    return name, figures().table("consensus", name, headings, rows)


def updateCharts(message: dict) -> list:
    """(name, chart node): volumes with regression line, and Bland-Altman, of each pair."""
    found = []
    for plot in message["plots"]:
        pair = f"{plot['first']} – {plot['second']}"
        found.append((_("Bland-Altman: {pair}").format(pair=pair), _blandAltman(plot, pair)))
        found.append((_("Volumes: {pair}").format(pair=pair), _volumes(plot, pair)))
    return found


def _blandAltman(plot, pair):
    nodes, key = figures(), f"bland-altman {plot['first']} {plot['second']}"
    points = list(zip(plot["mean_ml"], plot["difference_ml"], plot["cases"]))
    series = [nodes.series(key, _("Cases"), points, 0, labels="case")]
    limits, heights = plot["limits"], [*plot["difference_ml"], 0.0]
    if limits is not None:
        heights += limits.values()
        low, high = min(plot["mean_ml"]), max(plot["mean_ml"])
        for number, (name, words) in enumerate(
            (("bias", _("Mean")), ("lower", _("Mean - 1.96 SD")), ("upper", _("Mean + 1.96 SD")))
        ):
            line = [(low, limits[name]), (high, limits[name])]
            words = f"{words} ({limits[name]:+.1f} mL)"
            style = {"number": 1} if number == 0 else {"number": 2, "isDashed": True}
            series.append(nodes.series(f"{key} {name}", words, line, isLine=True, **style))
    difference = _("{second} - {first} (mL)").format(first=plot["first"], second=plot["second"])
    return nodes.chart(
        key, _("Bland-Altman: {pair}").format(pair=pair), _("Mean (mL)"), difference, series,
        yRange=withRoomForLegend(min(heights), max(heights)),
    )  # fmt: skip


def _volumes(plot, pair):
    nodes, key = figures(), f"volumes {plot['first']} {plot['second']}"
    points = list(zip(plot["first_ml"], plot["second_ml"], plot["cases"]))
    series = [nodes.series(key, _("Cases"), points, 0, labels="case")]
    high = max([*plot["first_ml"], *plot["second_ml"], 1.0])
    series.append(nodes.series(f"{key} equal", _("Equal"), [(0.0, 0.0), (high, high)], 2, isLine=True, isDashed=True))
    if plot["line"] is not None:
        line = list(zip(plot["line"]["x"], plot["line"]["y"]))
        series.append(nodes.series(f"{key} line", _("Regression"), line, 1, isLine=True))
    first, second = (_("{rater} (mL)").format(rater=plot[name]) for name in ("first", "second"))
    title = _("Volumes: {pair}").format(pair=pair)
    return nodes.chart(key, title, first, second, series, yRange=withRoomForLegend(0.0, high))


def _two(value) -> str:
    return "–" if value is None else f"{value:.2f}"
