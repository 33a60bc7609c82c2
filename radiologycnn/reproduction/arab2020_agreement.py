"""Arab 2020's Table 2, and the text's figures on agreement: each pair of raters, experts with the method among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from radiologycnn.reproduction import arab2020 as paper
from radiologycnn.reproduction.tables import Row, Table, mean_sd, number, p_value, plain, with_p, with_sd

if TYPE_CHECKING:
    from radiologycnn.reproduction.arab2020_run import ArabResults

_OWN = "not in the paper"


def agreement(results: ArabResults, run: str) -> Table:
    """Table 2, with what Figure 1 shows without numbers, and with ICC and limits of agreement."""
    by_raters = {(row["first"], row["second"]): row for row in results.pairs}
    rows = []
    for pair in paper.AGREEMENT:
        own = by_raters.pop((pair.first, pair.second), None)
        rows += pair_rows(f"{pair.first}, {pair.second}", pair, own)
    for (first, second), own in by_raters.items():  # human raters with names of their own
        rows += pair_rows(f"{first}, {second}", None, own)
    notes = [
        "E: expert, M: method (CNN-DS). y = slope x + intercept with x the first rater and y the second, in mL; "
        "only so do the paper's 1.45 (E1, E3) and 0.69 (E3, M) agree. Bias: y less x. Disagreement: difference of the "
        "volumes, x less y, over their mean.",
        "Of this run's test cases those count that have a bleed, as all of the paper's have.",
    ]
    if results.simulated_raters:
        notes.append("Raters of this run are simulated: they draw on the known truth with errors of chosen size.")
    if not results.has_method:
        notes.append("CNN-DS is none of this run's methods: there is no M.")
    return Table("table-2-agreement", "Table 2. Agreement of raters on the testing set", rows, run, notes)


def pair_rows(what: str, printed: paper.PairFigures | None, own: dict[str, Any] | None) -> list[Row]:
    """Rows of one pair; ``own`` is of :func:`..rater_agreement.agreement_by_pair`, None where it was not rated."""
    figures = own or {}
    # Of one's own raters: two points, or volumes without any spread.
    why = "too few different volumes for a line" if own and figures.get("slope") is None else ""
    rows = [
        Row(
            f"{what}: kappa",
            f"{printed.kappa:.2f} ± {printed.kappa_sd:.2f}" if printed else "",
            with_sd(own["kappa_mean"], own["kappa_sd"]) if own else "",
        ),
        Row(
            f"{what}: slope",
            with_p(printed.slope, printed.slope_p) if printed else "",
            with_p(figures.get("slope"), figures.get("slope_p")),
            why,
        ),
        Row(
            f"{what}: intercept (mL)",
            with_p(printed.intercept, printed.intercept_p) if printed else "",
            with_p(figures.get("intercept_ml"), figures.get("intercept_p")),
            why,
        ),
    ]
    if own is None:
        return rows
    rows.append(Row(f"{what}: Dice", "", with_sd(own["dice_mean"], own["dice_sd"]), f"close to kappa; {_OWN}"))
    rows.append(
        Row(
            f"{what}: disagreement of volumes",
            "",
            with_sd(own["disagreement"], own["disagreement_sd"]),
            "a grey block of the paper's Figure 1",
        )
    )
    rows.append(Row(f"{what}: disagreement, signed", "", plain(own["disagreement_signed"]), _OWN))
    if own["icc"] is not None:
        rows.append(Row(f"{what}: ICC of volumes", "", number(own["icc"]), f"95 % {_interval(own, 'icc', 2)}; {_OWN}"))
    if own["bias_ml"] is not None:
        bias, low, high = (plain(own[name], 1) for name in ("bias_ml", "lower_limit_ml", "upper_limit_ml"))
        intervals = [_interval(own, name, 1) for name in ("bias", "lower_limit", "upper_limit")]
        note = "95 % of the bias {}, of the limits {} and {}".format(*intervals)
        rows.append(
            Row(f"{what}: bias and limits of agreement (mL)", "", f"{bias} ({low} to {high})", f"{note}; {_OWN}")
        )
    return rows


def _interval(figures: dict[str, Any], name: str, digits: int) -> str:
    return " to ".join(plain(figures[f"{name}_{end}_95"], digits) for end in ("lower", "upper"))


def agreement_figures(results: ArabResults) -> tuple[dict[str, str], dict[str, str]]:
    """This run's cells of the text's figures on agreement, by their key, and what stands before the notes of some."""
    own: dict[str, str] = {}
    for group, in_group in (("experts", False), ("method", True)):
        pairs = [row for row in results.pairs if (paper.METHOD in (row["first"], row["second"])) == in_group]
        for key, name in (
            ("kappa", "kappa_mean"), ("disagreement", "disagreement"), ("disagreement_signed", "disagreement_signed"),
        ):  # fmt: skip
            own[f"{key}_{group}"] = mean_sd([row[name] for row in pairs], of="pair")
    slopes, intercepts = (
        [row[name] for row in results.pairs if row[name] is not None] for name in ("slope_p", "intercept_p")
    )
    own["slope_p_largest"] = f"{max(slopes):.2g}" if slopes else ""
    own["intercept_p_smallest"] = f"{min(intercepts):.3f}" if intercepts else ""
    compared = results.comparison
    for key in ("mann_whitney_p", "equivalence_p", "mixed_model_p"):
        own[key] = p_value(compared.get(key))
    own["mixed_model_effect"] = number(compared.get("mixed_model_effect"), 3)
    words = {"mixed_model_effect": f"95 % {_interval(compared, 'mixed_model', 3)}"} if own["mixed_model_effect"] else {}
    return own, words
