"""``radiologycnn models``: install, list, show, remove, and which model is the default then."""

import json
import shutil

from engine.model_files import change_description


def test_models_are_installed_listed_shown_and_removed(command, workplace):
    assert "Installed hand-made-1.0.0" in command("models", "install", "hand-made").stdout
    listed = command("models", "list").stdout
    assert "trained on simulated scans" in listed
    assert listed.endswith(f"Models that you install are kept in {workplace / 'models'}.\n")
    listed = json.loads(command("models", "list", "--json").stdout)
    assert [model["id"] for model in listed if model["name"] == "hand-made"] == ["hand-made-1.0.0"]
    assert "Not for patients" in command("models", "show", "hand-made").stdout
    assert "Removed" in command("models", "remove", "hand-made-1.0.0").stdout
    assert "No model" in command("models", "remove", "hand-made-1.0.0", expect=1).stderr


def test_install_says_which_model_is_the_default_now(command, package_folder, models_folder, monkeypatch):
    monkeypatch.setattr("radiologycnn.models.catalog.user_models_folder", lambda: models_folder)
    monkeypatch.setattr("radiologycnn.models.install.user_models_folder", lambda: models_folder)
    assert command("models", "list").stdout.startswith("No models.\n")
    assert "segment takes hand-made-1.0.0 now" in command("models", "install", package_folder).stdout
    change_description(package_folder, version="0.9.0")
    assert "takes" not in command("models", "install", package_folder, "--replace").stdout
    change_description(package_folder, version="1.1.0")
    said = command("models", "install", package_folder).stdout
    assert "segment takes hand-made-1.1.0 now" in said and "classify" not in said


def test_names_that_a_file_or_pipe_of_windows_has_no_letters_for_are_listed(process, workplace, monkeypatch):
    """Redirected, the output is in the system's code page there; a name from elsewhere must not end the command."""
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    foreign = workplace / "models" / "модель"
    foreign.mkdir(parents=True)
    (foreign / "model.json").write_text("{}")
    done = process("models", "list")
    shutil.rmtree(foreign)
    assert done.returncode == 0, done.stderr
    assert "[cannot be used]" in done.stdout and "Models that you install" in done.stdout
