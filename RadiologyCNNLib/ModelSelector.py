"""ModelSelector: which models can be chosen, and the card and banner that say what the chosen one is."""

import html
from dataclasses import dataclass

from slicer.i18n import tr as _

from radiologycnn.evaluation.words import performance_texts
from radiologycnn.models.catalog import list_models
from radiologycnn.models.package import SIMULATED_NOTE

#: How the titles of models begin that were trained on simulated scans.
DEMONSTRATION = "Demonstration: "


@dataclass(frozen=True)
class ModelChoice:
    """One entry of a list of models; ``problem`` says why it cannot be used, "" where it can."""

    id: str
    title: str
    problem: str
    package: object


def modelChoices(task):
    """Installed models of a task, the usable ones first, each with the text for a list."""
    choices = []
    for package in list_models(task):
        problem = str(getattr(package, "problem", "") or "")
        title = package.title or package.id
        if package.simulated:  # the banner says it; what the model is for and its version have to fit into the list
            short = title.removeprefix(DEMONSTRATION)
            title = short[:1].upper() + short[1:]
        title = _("{title} (cannot be used)").format(title=title) if problem else f"{title} {package.version}"
        choices.append(ModelChoice(package.id, title, problem, package))
    return sorted(choices, key=lambda choice: bool(choice.problem))


def bannerText(package):
    """The sentence to show above everything else; "" where the model needs none."""
    return SIMULATED_NOTE if package is not None and package.simulated else ""


def cardHtml(package):
    """A model's card as HTML: what it is for, what it was trained on, how well it did, under which licence.

    Every text comes from a file that somebody may have sent, so all of it is escaped.
    """
    if package is None:
        return ""
    if getattr(package, "problem", ""):
        return f"<p><b>{_text(package.id)}</b></p><p>{_text(package.problem)}</p>"
    rows = [
        (_("Intended use"), package.intended_use),
        (_("Training data"), package.training_data),
        (_("Labels"), ", ".join(_field(label, "name") for label in package.labels)),
        (_("Threshold"), f"{package.operating_threshold:g}"),
        (_("In scans that it is not sure of"), _lowestText(package)),
        *(
            (_("Measured, {scans}").format(scans=scans) if scans else _("Measured"), figures)
            for scans, figures in performance_texts(package.performance or {})
        ),
        (_("Licence"), package.licence),
        (_("Weights"), f"SHA-256 {package.weights_sha256[:12]}…"),
    ]
    lines = [f"<b>{_text(package.title)}</b> {_text(package.version)}"]
    lines += [f"<b>{_text(name)}:</b> {_text(value)}" for name, value in rows if value]
    return "".join(f'<p style="margin: 0 0 4px 0">{line}</p>' for line in lines)


def _lowestText(package):
    if not package.follows_doubt:
        return ""
    words = _("lowered to half of the Dice that it expects, down to {lowest}")
    return words.format(lowest=f"{package.lowest_threshold:g}")


def _field(record, name):
    return str(record[name] if isinstance(record, dict) else getattr(record, name))


def _text(value):
    return html.escape(str(value))
