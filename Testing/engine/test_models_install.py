"""Model packages are installed from a folder or a zip, whole or not at all, and removed."""

import hashlib
import os
import shutil
import stat
from pathlib import Path

import pytest
from engine.hand_made import description, make_package, window_network
from engine.model_files import change_description, refusal, zipped

from radiologycnn.errors import ResourceError
from radiologycnn.models import install as install_module
from radiologycnn.models.catalog import list_models
from radiologycnn.models.install import install_model, remove_model
from radiologycnn.models.weights import save_package

pytestmark = pytest.mark.usefixtures("models_folder")


def nothing_unfinished(models_folder: Path) -> bool:
    return not [path for path in models_folder.iterdir() if path.name.startswith((".installing", ".removed"))]


def test_install_from_folder_and_zip_then_remove(package_folder, tmp_path, models_folder):
    stages = []
    installed = install_model(package_folder, progress=lambda fraction, stage: stages.append(fraction))
    assert installed.path == models_folder / "hand-made-1.0.0"
    assert stages == sorted(stages) and stages[-1] == 1.0
    shutil.rmtree(package_folder / "x", ignore_errors=True)
    archive = zipped(package_folder, tmp_path / "m.zip")
    again = install_model(archive, sha256="SHA256:" + hashlib.sha256(archive.read_bytes()).hexdigest().upper())
    assert again.path == installed.path
    assert [package.id for package in list_models()] == ["hand-made-1.0.0"]
    assert nothing_unfinished(models_folder)
    remove_model("hand-made-1.0.0")
    assert list_models() == []
    assert nothing_unfinished(models_folder)


def test_a_failed_install_leaves_the_earlier_model_alone(package_folder, tmp_path, models_folder):
    install_model(package_folder)
    change_description(package_folder, title="Newer", weights_sha256="0" * 64)
    assert "damaged" in refusal(install_model, package_folder)
    assert list_models()[0].title == "Hand-made model"
    assert nothing_unfinished(models_folder)


def test_a_replacement_that_is_held_in_the_end_leaves_the_earlier_model(package_folder, models_folder, monkeypatch):
    """A virus scanner looks into the new files while these are to take the place of the old ones."""
    install_model(package_folder)
    replace = install_module.replace_path

    def held(source: Path, target: Path) -> None:
        if source.name.startswith(".installing"):
            raise PermissionError(13, "in use", str(source))
        replace(source, target)

    monkeypatch.setattr(install_module, "replace_path", held)
    with pytest.raises(ResourceError, match="could not be written"):
        install_model(package_folder)
    assert [package.id for package in list_models()] == ["hand-made-1.0.0"]
    assert nothing_unfinished(models_folder)


def test_a_model_that_is_held_stays_and_nothing_beside_it(package_folder, models_folder, monkeypatch):
    install_model(package_folder)

    def held(source: Path, target: Path) -> None:
        raise PermissionError(13, "in use", str(source))

    monkeypatch.setattr(install_module, "replace_path", held)
    with pytest.raises(ResourceError, match="could not be deleted"):
        remove_model("hand-made-1.0.0")
    assert [package.id for package in list_models()] == ["hand-made-1.0.0"]
    assert nothing_unfinished(models_folder)


@pytest.mark.skipif(os.name == "nt", reason="the way that other systems have of closing a folder")
def test_what_a_killed_installation_has_left_goes_a_day_later(package_folder, models_folder):
    left, under_way = models_folder / ".installing-killed", models_folder / ".installing-by-another"
    for folder in (left, under_way):
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(b"half")
    two_days_ago = left.stat().st_mtime - 2 * 24 * 3600
    os.utime(left, (two_days_ago, two_days_ago))
    install_model(package_folder)
    assert under_way.is_dir() and not left.exists()


def test_others_who_share_the_folder_can_read_an_installed_model(package_folder, models_folder):
    """Nothing of it has ever been a private temporary folder: on Windows what is moved stays as closed as it was."""
    before, modes = os.umask(0o002), []
    make = os.mkdir
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "mkdir", lambda path, mode=0o777: (modes.append(mode), make(path, mode)))
            installed = install_model(package_folder).path
    finally:
        os.umask(before)
    assert stat.S_IMODE(installed.stat().st_mode) == 0o775
    assert modes and 0o700 not in modes


def test_another_model_of_the_same_id_is_replaced_only_where_asked(package_folder, tmp_path, models_folder):
    first = install_model(package_folder).weights_sha256
    install_model(package_folder)  # the same again
    weights = {name: 2 * tensor for name, tensor in window_network().state_dict().items()}
    other = save_package(tmp_path / "other", weights, description())
    for source in (other.path, zipped(other.path, tmp_path / "other.zip")):
        assert "Another model hand-made-1.0.0 is installed" in refusal(install_model, source)
    assert list_models()[0].weights_sha256 == first and nothing_unfinished(models_folder)
    assert install_model(other.path, replace=True).weights_sha256 == other.weights_sha256 != first
    (models_folder / "hand-made-1.0.0" / "weights.safetensors").write_bytes(b"damaged")
    assert install_model(package_folder).weights_sha256 == first


def test_a_zip_that_is_not_the_announced_one_is_refused(package_folder, tmp_path):
    archive = zipped(package_folder, tmp_path / "m.zip")
    assert "not the file that was announced" in refusal(install_model, archive, sha256="0" * 64)
    assert "64 hexadecimal" in refusal(install_model, archive, sha256="abc")


def test_only_installed_models_can_be_removed(tmp_path, models_folder, package_folder):
    make_package(tmp_path / "bundled" / "hand-made-1.0.0")
    assert "part of RadiologyCNN" in refusal(remove_model, "hand-made-1.0.0")
    assert "No model" in refusal(remove_model, "../source")
    assert package_folder.exists()
    make_package(models_folder / "broken")
    (models_folder / "broken" / "model.json").write_text("{")
    remove_model("broken")
    assert not (models_folder / "broken").exists()


def test_a_folder_that_cannot_be_written_is_said(package_folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(ResourceError, match="could not be written"):
        install_model(package_folder)
