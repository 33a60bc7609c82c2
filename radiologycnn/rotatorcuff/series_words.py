"""What is written of a series, in its header and its name: found, made plain, and looked through for known words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np

from radiologycnn.images.volume import Volume

SHOULDER = re.compile(
    r"shoulder|\bshldr|\bshou|rotator|cuff|humer|scapul|clavic|gleno|schulter|schouder|epaule|spalla|ombro"
)
_OTHER_ORGANS = (
    ("a head", re.compile(r"\bhead\b|brain|skull|cranium|\biac\b|orbit|scha?e?del|cerebr|\btmj\b|\bjaw|\bface\b")),
    ("a spine", re.compile(r"spine|\bneck\b|lumbar|thoracic|cervical|\bsacr")),
    ("a knee", re.compile(r"\bknee|\bknie\b|genou|patell|menisc")),
    ("a hip or pelvis", re.compile(r"\bhips?\b|pelvi|prostat|\buter|femur|thigh")),
    ("a foot or ankle", re.compile(r"\bfoot\b|ankle|\btoes?\b|achill|\bcalf\b|\btibia|lower leg")),
    ("a hand, wrist or elbow", re.compile(r"\bhand\b|wrist|finger|thumb|elbow|forearm")),
    ("an abdomen or chest", re.compile(r"abdom|\bliver|kidney|renal|mrcp|pancrea|heart|cardiac|breast|\blung")),
)
PLANE_WORDS = (
    ("coronal", re.compile(r"\b(para|\w{0,3})[ck]or(o|onaa?[lr]e?)?\b")),
    ("sagittal", re.compile(r"\b(para|\w{0,3})sag(i|itt?aa?le?)?\b")),
    ("axial", re.compile(r"\b\w{0,3}(ax|axl|axiale?)\b|\btra(ns|nsverse|nsversaa?le?)?\b")),
)
# Behind the German "re" for right may stand what a series is called, but nothing else: "re-scan" and "re: motion" are
# English.
_AFTER_RE = (
    r"(?= ?$| ?/| (schult|shoul|arm\b|gelenk|oberarm|humer|obl|para|sag|[ck]or|ax|tra|t1|t2|pd|dp|ir\b|stir|tirm|fs\b|"
    r"fat|spa?ir|dixon|dess|vibe|gre|tse|fse|se\b|me?dic|3d|2d|iso|nativ|ohne|mit|km|w\b|wo\b|\d+ ?mm\b))"
)
SIDE_WORDS = (
    (
        "left",
        re.compile(
            r"\bleft\b|\blt\b|\bl\b|\bl(t|eft)?(?=should|shldr)|\blink(s|e[mnrs]?)?\b|\bli\b|\bgauche\b|"
            r"\bepaule g(che)?\b|\bizq(uierd[ao])?\b|\bizd[ao]\b|\bsinistr[ao]\b|\bspalla s(x|in)\b|\besq(uerd[ao])?\b"
        ),
    ),
    (
        "right",
        re.compile(
            r"\bright\b|\brt\b|\br\b|\br(t|ight)?(?=should|shldr)|\brecht(s|e[mnrs]?)?\b|\bre\b" + _AFTER_RE + "|"
            r"\bdroite?\b|\bepaule d(r?te?|r)?\b|\bderech[ao]\b|\bdch[ao]?\b|\bhombro der\b|\bdestr[ao]\b|"
            r"\bspalla d[xs]\b|\bdireit[ao]\b|\bombro dir\b"
        ),
    ),
)
WEIGHTING_WORDS = (
    ("T2", re.compile(r"\bt2|stir\b|tirm\b")),
    ("PD", re.compile(r"\bpd|\bdp\b|proton|intermediate|\biw\b")),
    ("T1", re.compile(r"\bt1")),
)
FAT_WORDS = re.compile(r"\bfs\b|\bfat ?(sat|supp?)|\bspair\b|\bspir\b|stir\b|tirm\b|\bwater\b|(?<=pd|t1|t2)w? ?fs\b")
NO_FAT_WORDS = re.compile(r"\b(no|non|without|w o) ?(fs|fat ?sat)\b|\bnofs\b")

# Not arthrosis, arthroscopy, arthroplasty or arthrotomy.
ARTHROGRAM = re.compile(r"(?<!\bwo )(?<!\bno )(?<!\bwithout )(?<!\bohne )\b(mr)?arth?ro(?![spt])")


def acquisition_facts(volume: Volume) -> Mapping[str, Any]:
    """DICOM keywords and their values, as far as the scan's reader knew them; empty where it knew none."""
    facts = volume.provenance.get("acquisition")
    return facts if isinstance(facts, Mapping) else {}


def listed(value: Any) -> list[str]:
    """A DICOM value as texts; several may stand in a list or, from a database, behind backslashes."""
    parts = value if isinstance(value, list | tuple) else str("" if value is None else value).split("\\")
    return [str(part).strip() for part in parts if str(part).strip()]


def positive_number(facts: Mapping[str, Any], keyword: str) -> float | None:
    """The first number above 0 among the values of a keyword, in DICOM's unit; None without one."""
    for part in listed(facts.get(keyword)):
        try:
            value = float(part)
        except ValueError:
            continue
        if np.isfinite(value) and value > 0:
            return value
    return None


def _plain(text: str) -> str:
    """Lower case, letters without their accents, blanks for what separates words, so that word boundaries are seen."""
    letters = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return " ".join(re.sub(r"[^0-9a-z]+", " ", letters.lower()).split())


def tag_words(facts: Mapping[str, Any]) -> list[str]:
    """What the header's texts say of the series, in plain words."""
    return [_plain(text) for key in ("BodyPartExamined", "SeriesDescription", "ProtocolName")
            for text in listed(facts.get(key))]  # fmt: skip


def series_words(volume: Volume, facts: Mapping[str, Any]) -> str:
    """All that is said of the series, in plain words: the header's texts and the volume's name, a stroke between."""
    return " / ".join([*tag_words(facts), _plain(volume.name)])


def path_says_shoulder(volume: Volume) -> bool:
    """Whether the person called the file or folder of the scan a shoulder."""
    return bool(SHOULDER.search(_plain(volume.path_name)))


def study_words(facts: Mapping[str, Any]) -> str:
    """What is said of the whole study, in plain words: the organ and often the side, but nothing of one series."""
    return " / ".join(_plain(text) for text in listed(facts.get("StudyDescription")))


def only_meaning(patterns: tuple[tuple[str, re.Pattern[str]], ...], words: str) -> str:
    """The meaning that the words have, "unknown" where they have none or several."""
    found = [meaning for meaning, pattern in patterns if pattern.search(words)]
    return found[0] if len(found) == 1 else "unknown"


def other_organ(words: str) -> str:
    """The part of the body that the words name and that is no shoulder, as "a knee"; "" for none."""
    return next((organ for organ, pattern in _OTHER_ORGANS if pattern.search(words)), "")
