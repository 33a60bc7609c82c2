"""ModelSelector: which models can be chosen, and the card and banner that say what the chosen one is."""

import html
from dataclasses import dataclass

from slicer.i18n import tr as _

from radiologycnn.models.catalog import list_models
from radiologycnn.models.package import SIMULATED_NOTE

LONGEST_TABLE = 6  #: figures of a table within a performance record that is still read in a panel
#: How words of a performance record are written for a person; all others stand as they are.
_SPELLINGS = {"dice": "Dice", "ml": "mL", "sd": "SD", "auc": "AUC", "f1": "F1", "top1": "top-1"}
_SPELLINGS.update({kind: kind.upper() for kind in ("iph", "ivh", "sdh", "edh", "sah")})

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
        *_measured(package.performance or {}),
        (_("Licence"), package.licence),
        (_("Weights"), f"SHA-256 {package.weights_sha256[:12]}…"),
    ]
    lines = [f"<b>{_text(package.title)}</b> {_text(package.version)}"]
    lines += [f"<b>{_text(name)}:</b> {_text(value)}" for name, value in rows if value]
    return "".join(f'<p style="margin: 0 0 4px 0">{line}</p>' for line in lines)


def _measured(performance):
    """What was measured as (name, text), one for each set of scans. Its long tables are left to ``model.json``."""
    own = {name: value for name, value in performance.items() if not isinstance(value, dict)}
    groups = {"": own, **{name: value for name, value in performance.items() if isinstance(value, dict)}}
    for name, group in groups.items():
        text = "; ".join(_figures(group))
        yield (_("Measured, {scans}").format(scans=_words(name)) if name else _("Measured")), text


def _figures(group, isNested=False):
    """Figures of a record as texts; an interval stands behind the figure that it belongs to."""
    for name, value in group.items():
        if isinstance(value, str):
            yield value
        elif isinstance(value, (int, float)):
            interval = group.get(f"{name}_95")
            span = " ({}–{})".format(*(_number(end) for end in interval)) if _isInterval(interval) else ""
            yield f"{_words(name)} {_number(value)}{span}"
        elif isinstance(value, dict) and not isNested and len(value) <= LONGEST_TABLE:
            inner = ", ".join(_figures(value, isNested=True))
            if inner:
                yield f"{_words(name)}: {inner}"


def _isInterval(value):
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(end, (int, float)) for end in value)


def _number(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _words(name):
    return " ".join(_SPELLINGS.get(word, word) for word in str(name).split("_"))


def _field(record, name):
    return str(record[name] if isinstance(record, dict) else getattr(record, name))


def _text(value):
    return html.escape(str(value))
