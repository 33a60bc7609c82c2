"""What the panel says of a model: choice, banner, card; nothing in a model's file can act on the panel."""

from dataclasses import replace
from pathlib import Path

import pytest

from radiologycnn.models.package import ModelPackage


@pytest.fixture
def selector(slicerHost):
    """The panels' module; it needs Slicer's names."""
    from RadiologyCNNLib import ModelSelector

    return ModelSelector


@pytest.fixture
def package():
    return ModelPackage(
        path=Path("model"),
        name="bleeds",
        version="1.2.0",
        task="hemorrhage-segmentation",
        title="Bleeds <b>bold</b>",
        labels=({"value": 1, "name": "Hemorrhage & more"},),
        operating_threshold=0.4,
        licence="CC BY 4.0",
        intended_use="<script>alert(1)</script>",
        training_data="Simulated scans",
        simulated=True,
        performance={
            "dice": 0.81234,
            "held_out": {"scans": 40, "auc": 0.9, "auc_95": [0.8, 0.95], "by_type": {"sdh": 0.6}},
        },
        weights_sha256="ab" * 32,
    )


def test_model_of_simulated_scans_has_its_banner(selector, package):
    assert "Not for patients" in selector.bannerText(package)
    assert selector.bannerText(None) == ""
    real = ModelPackage(path=Path("model"), name="real", simulated=False)
    assert selector.bannerText(real) == ""


def test_card_tells_what_a_person_has_to_know(selector, package):
    card = selector.cardHtml(package)
    for text in (
        "1.2.0",
        "Simulated scans",
        "CC BY 4.0",
        "Hemorrhage &amp; more",
        "0.4",
        "Dice 0.812",
        "scans 40; AUC 0.9 (95 % 0.8 to 0.95); by type: SDH 0.6",
        "abababababab",
    ):
        assert text in card
    assert "not sure of" not in card
    follows = selector.cardHtml(replace(package, lowest_threshold=0.1))
    assert "In scans that it is not sure of:</b> lowered to half of the Dice that it expects, down to 0.1" in follows
    assert selector.cardHtml(replace(package, lowest_threshold=0.4)) == card  # the same for all scans


def test_texts_of_a_model_are_not_read_as_html(selector, package):
    card = selector.cardHtml(package)
    assert "<script>" not in card
    assert "Bleeds &lt;b&gt;bold&lt;/b&gt;" in card


def test_card_of_a_broken_model_is_the_reason(selector):
    broken = ModelPackage(path=Path("model"), name="broken", problem="The weights are <damaged>.")
    card = selector.cardHtml(broken)
    assert "The weights are &lt;damaged&gt;." in card
    assert selector.cardHtml(None) == ""


def test_usable_models_come_first(selector, monkeypatch, package):
    broken = ModelPackage(path=Path("model"), name="broken", title="Broken", problem="It is damaged.")
    monkeypatch.setattr(selector, "list_models", lambda task: [broken, package])
    choices = selector.modelChoices("hemorrhage-segmentation")
    assert [choice.id for choice in choices] == ["bleeds-1.2.0", "broken"]
    assert "cannot be used" in choices[1].title
    assert choices[1].problem == "It is damaged."
