"""A reader study in a folder, and the panel that reads it."""

import pytest
from panels.study_clinic import openedStudy, writeStudy


@pytest.fixture
def folder(tmp_path):
    """The study's folder: four shoulders and their truth."""
    return writeStudy(tmp_path / "Shoulder study")


@pytest.fixture
def clinic(slicerHost, repository, folder, monkeypatch):
    """The panel with the study's folder at hand."""
    yield from openedStudy(slicerHost, repository, folder, monkeypatch)
