"""Whose scans a run of Arab 2020 has: Table 1, and the test of the ages; from the simulation or from cases.csv."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import ttest_ind

from radiologycnn.evaluation.table_files import number_in
from radiologycnn.evaluation.words import counted
from radiologycnn.hemorrhage.labels import BLEED_TYPES
from radiologycnn.reproduction import arab2020 as paper
from radiologycnn.reproduction.data_cases import joined_names
from radiologycnn.reproduction.tables import Row, Table, mean_sd, with_p

if TYPE_CHECKING:
    from radiologycnn.reproduction.arab2020_run import ArabResults

_NONE = "none"
_SEXES = {"m": True, "male": True, "f": False, "female": False}


@dataclass(frozen=True)
class Person:
    """What is known of a scan's patient; None where it is not.

    Attributes:
        patient: whose scan it is; several scans may be of one.
        types: of the scan's bleeds, keys of :data:`..labels.BLEED_TYPES`; empty where it has none.
        is_deep: whether one of its bleeds is deep-seated.
        confounders: what else the scan shows, in the words of who describes it; a simulated scan's truth has its own.
    """

    patient: str
    age_years: float | None = None
    is_male: bool | None = None
    types: frozenset[str] | None = None
    is_deep: bool | None = None
    confounders: frozenset[str] = frozenset()


def simulated_person(case: str, truth: Mapping[str, Any]) -> Person:
    """Of a simulated scan, who has no sex."""
    bleeds = truth["bleeds"]
    types = frozenset(bleed["kind"] for bleed in bleeds)
    return Person(case, float(truth["age_years"]), None, types, any(bleed["place"] == "deep" for bleed in bleeds))


def stated_person(row: Mapping[str, str]) -> Person:
    """Of a manifest's row: columns ``age`` (years), ``sex``, ``types`` ("iph+ivh", "none") and ``confounders``
    ("calcification+metal", "none"), each of which may miss.

    A cell that cannot be read counts as empty: these columns describe, and decide nothing.
    """
    try:
        age = number_in(row.get("age") or "nan")
    except ValueError:
        age = math.nan
    stated = joined_names(row.get("types"))
    known = bool(stated) and stated <= {*BLEED_TYPES, _NONE}
    return Person(
        row["patient"],
        age if math.isfinite(age) else None,
        _SEXES.get((row.get("sex") or "").strip().lower()),
        frozenset(stated - {_NONE}) if known else None,
        confounders=joined_names(row.get("confounders")) - {_NONE},
    )


def demographics(results: ArabResults, run: str) -> Table:
    """Table 1: age and sex of patients, types of the scans that have a bleed."""
    missing = "not simulated" if results.simulated else "not in the data"
    parts = (("training", ("train", "validation")), ("testing", ("test",)))
    rows = []
    for label, *printed in paper.DEMOGRAPHICS:
        for (title, names), figure in zip(parts, printed):
            people = _people(results, names)
            value, note = _figure(label, people)
            rows.append(
                Row(f"{label}, {title} set", figure, value, note if value else missing if people else "no scan")
            )
    return Table("table-1-demographics", "Table 1. Patients", rows, run)


def age_test(results: ArabResults) -> str:
    """t of the ages, training less testing set, with its p; empty with fewer than two known ages in one of them."""
    ages = [_ages(_people(results, names)) for names in (("train", "validation"), ("test",))]
    if min(map(len, ages)) < 2:
        return ""
    test = ttest_ind(*ages)
    return with_p(float(test.statistic), float(test.pvalue), 1)


def _people(results: ArabResults, parts: Sequence[str]) -> list[Person]:
    return [results.people[case.id] for part in parts for case in results.cases[part]]


def _ages(people: Sequence[Person]) -> list[float]:
    return _of_patients(people, lambda person: person.age_years)


def _of_patients(people: Sequence[Person], fact: Callable[[Person], Any]) -> list[Any]:
    """What is known of each patient, from the first scan that says it."""
    known: dict[str, Any] = {}
    for person in people:
        if fact(person) is not None:
            known.setdefault(person.patient, fact(person))
    return list(known.values())


def _figure(label: str, people: Sequence[Person]) -> tuple[str, str]:
    """What this run has for a row of Table 1, and of whom."""
    patients = len({person.patient for person in people})
    if label == "N":
        return str(len(people)), f"scans of {counted(patients, 'patient')}" if patients < len(people) else ""
    if label.startswith(("Age", "Sex")):
        ages = _ages(people)
        sexes = _of_patients(people, lambda person: person.is_male)
        known = ages if label.startswith("Age") else sexes
        text = mean_sd(ages, 1, of="patient") if label.startswith("Age") else _share(sexes)
        return text, f"known of {len(known)} of {patients}" if len(known) < patients else ""
    bleeding = [person for person in people if person.types]
    held = {
        "Deep-seated": [person.is_deep for person in bleeding],
        "Intraventricular": ["ivh" in (person.types or ()) for person in bleeding],
    }
    known = [one for start, facts in held.items() if label.startswith(start) for one in facts if one is not None]
    return _share(known), f"of {len(known)} scans with a bleed" if len(known) < len(people) else ""


def _share(facts: Sequence[bool]) -> str:
    """In per cent, without any decimals."""
    return f"{100 * np.mean(facts):.0f}" if facts else ""
