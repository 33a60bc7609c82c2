"""ModelSelector: which models can be chosen, and the card and banner that say what the chosen one is."""

import html
from dataclasses import dataclass

from radiologycnn.models.catalog import list_models
from radiologycnn.models.package import SIMULATED_NOTE


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
        title = f"{title} (cannot be used)" if problem else f"{title} {package.version}"
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
        ("Intended use", package.intended_use),
        ("Training data", package.training_data),
        ("Labels", ", ".join(_field(label, "name") for label in package.labels)),
        ("Threshold", f"{package.operating_threshold:g}"),
        *(("Measured: " + _words(name), value) for name, value in _measured(package.performance)),
        ("Licence", package.licence),
        ("Weights", f"SHA-256 {package.weights_sha256[:12]}…"),
    ]
    table = "".join(f"<tr><td>{_text(name)}:&nbsp;</td><td>{_text(value)}</td></tr>" for name, value in rows if value)
    return f"<p><b>{_text(package.title)}</b> {_text(package.version)}</p><table>{table}</table>"


def _measured(performance, prefix=""):
    """Figures of a nested record as (name, text)."""
    for name, value in (performance or {}).items():
        if isinstance(value, dict):
            yield from _measured(value, f"{prefix}{name} ")
        elif isinstance(value, float):
            yield f"{prefix}{name}", f"{value:.3g}"
        else:
            yield f"{prefix}{name}", str(value)


def _words(name):
    return str(name).replace("_", " ")


def _field(record, name):
    return str(record[name] if isinstance(record, dict) else getattr(record, name))


def _text(value):
    return html.escape(str(value))
