"""Model packages: written, checked, refused with reasons, listed, installed and removed."""

import hashlib
import json
import pickle
import shutil
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from engine.hand_made import description, make_package, window_network

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.models import download as download_module
from radiologycnn.models.catalog import find_model, list_models
from radiologycnn.models.install import install_model, remove_model
from radiologycnn.models.package import load_package
from radiologycnn.models.weights import load_network, save_package

TASK = "hemorrhage-segmentation"


@pytest.fixture
def package_folder(tmp_path):
    return make_package(tmp_path / "source").path


@pytest.fixture(autouse=True)
def models_folder(tmp_path, monkeypatch) -> Path:
    """The person's own folder, and no bundled models."""
    folder = tmp_path / "installed"
    monkeypatch.setenv("RADIOLOGYCNN_MODELS", str(folder))
    for module in ("catalog", "install"):
        monkeypatch.setattr(f"radiologycnn.models.{module}.bundled_models_folder", lambda: tmp_path / "bundled")
    return folder


def change_description(folder: Path, **changes) -> None:
    file = folder / "model.json"
    record = json.loads(file.read_text())
    record.update(changes)
    file.write_text(json.dumps({name: value for name, value in record.items() if value is not ...}))


def zipped(folder: Path, to: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("model.json", "weights.safetensors"):
            archive.write(folder / name, prefix + name)
    return to


def refusal(action, *arguments, **named) -> str:
    with pytest.raises(InputError) as refused:
        action(*arguments, **named)
    return refused.value.message


# ---- reading -----------------------------------------------------------------------------------------------------


def test_a_saved_package_gives_back_its_network(package_folder):
    package = load_package(package_folder)
    assert (package.id, package.task, package.simulated) == ("hand-made-1.0.0", TASK, True)
    network = load_network(package)
    assert not network.training
    image = torch.rand(1, 1, 8, 8, 8)
    assert torch.equal(network(image), window_network().eval()(image))


def test_half_precision_weights_are_stored_half_and_computed_in_full(tmp_path):
    half = {name: tensor.half() for name, tensor in window_network().state_dict().items()}
    package = save_package(tmp_path / "half", half, description())
    assert (package.path / "weights.safetensors").stat().st_size < 2 * sum(t.numel() for t in half.values()) + 6000
    assert all(parameter.dtype == torch.float32 for parameter in load_network(package).parameters())


@pytest.mark.parametrize("prefix", ["", "hand-made-1.0.0/"])
def test_a_zip_is_as_good_as_its_folder(package_folder, tmp_path, prefix):
    package = load_package(zipped(package_folder, tmp_path / "model.zip", prefix))
    assert package.id == "hand-made-1.0.0"
    image = torch.rand(1, 1, 8, 8, 8)
    assert torch.equal(load_network(package)(image), window_network().eval()(image))


def test_every_problem_of_a_description_is_said_at_once(package_folder):
    change_description(
        package_folder,
        name="Bad Name",
        version="one",
        task="weather",
        title=...,
        simulated="yes",
        operating_threshold=2,
        labels=[{"value": 3, "name": "", "color_rgb": [0, 0], "type": "blood", "size": 1}],
        architecture={"name": "cnn_ds", "parameters": {"depth": 99}},
    )
    message = refusal(load_package, package_folder)
    for problem in (
        '"name" must be',
        '"version" must be',
        '"weather" is unknown',
        '"title" is missing',
        '"simulated" must be true or false',
        '"operating_threshold" must lie',
        '"value" of label 1',
        '"name" of label 1',
        '"color_rgb" of label 1',
        '"type" of label 1',
        "unknown fields: size",
        "depth",
    ):
        assert problem in message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_version": 2}, "newer RadiologyCNN"),
        ({"schema_version": "1"}, "schema_version"),
        ({"architecture": {"name": "transformer", "parameters": {}}}, "'transformer' is unknown"),
        ({"weights_sha256": "0" * 64}, "damaged or were changed"),
        ({"name": "../../evil"}, '"name" must be'),
        ({"labels": []}, "at least one label"),
    ],
)
def test_a_package_is_refused_with_the_reason(package_folder, changes, reason):
    change_description(package_folder, **changes)
    assert reason in refusal(load_package, package_folder)


def test_changed_weights_are_refused(package_folder):
    file = package_folder / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "damaged or were changed" in refusal(load_package, package_folder)


def test_weights_changed_after_the_check_are_refused(package_folder):
    package = load_package(package_folder)
    (package_folder / "weights.safetensors").write_bytes(b"other")
    assert "changed since" in refusal(load_network, package)


def test_a_pickle_is_never_loaded(package_folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    content = pickle.dumps(Trap())
    (package_folder / "weights.safetensors").write_bytes(content)
    change_description(package_folder, weights_sha256=hashlib.sha256(content).hexdigest())
    assert "not a valid safetensors" in refusal(load_network, load_package(package_folder))
    assert not (tmp_path / "sprung").exists()


def test_weights_of_another_network_are_refused(tmp_path):
    weights = window_network().state_dict()
    other = {"name": "cnn_ds", "parameters": {"preset": "small"}}
    assert "do not fit" in refusal(save_package, tmp_path / "x", weights, description(architecture=other))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_broken_description_is_refused(package_folder, content):
    (package_folder / "model.json").write_bytes(content)
    assert refusal(load_package, package_folder)


def test_what_is_no_package_is_refused(tmp_path):
    assert "no model.json" in refusal(load_package, tmp_path)
    (tmp_path / "x.zip").write_bytes(b"PK no zip")
    assert "neither a folder nor a complete zip" in refusal(load_package, tmp_path / "x.zip")
    assert "no model at" in refusal(load_package, tmp_path / "absent")


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:evil.txt"])
def test_a_zip_with_a_name_that_leads_out_is_refused(package_folder, tmp_path, models_folder, name):
    path = zipped(package_folder, tmp_path / "model.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "evil")
    assert "leads out of its folder" in refusal(load_package, path)
    assert "leads out of its folder" in refusal(install_model, path)
    assert not list(tmp_path.rglob("evil.txt"))
    assert list_models() == []


# ---- the list ----------------------------------------------------------------------------------------------------


def test_models_are_listed_with_broken_ones_and_their_reason(tmp_path, models_folder):
    make_package(tmp_path / "bundled" / "hand-made-1.0.0")
    make_package(models_folder / "hand-made-1.10.0", version="1.10.0")
    make_package(models_folder / "hand-made-1.9.0", version="1.9.0")
    make_package(models_folder / "real-1.0.0", name="real", title="Real", simulated=False)
    make_package(models_folder / "broken")
    change_description(models_folder / "broken", version="?")
    (models_folder / ".installing-x").mkdir()
    (models_folder / "notes.txt").write_text("not a model")

    listed = list_models(TASK)
    assert [package.id for package in listed] == [
        "real-1.0.0",
        "hand-made-1.10.0",
        "hand-made-1.9.0",
        "hand-made-1.0.0",
        "broken",
    ]
    assert [bool(package.problem) for package in listed] == [False] * 4 + [True]
    assert "version" in listed[-1].problem
    assert [package.problem for package in list_models("rotator-cuff-classification")] == [listed[-1].problem]


def test_a_model_is_found_by_id_name_path_or_as_the_first(tmp_path, models_folder):
    make_package(models_folder / "hand-made-1.10.0", version="1.10.0")
    make_package(models_folder / "hand-made-1.9.0", version="1.9.0")
    elsewhere = make_package(tmp_path / "elsewhere", name="other").path
    assert find_model("hand-made-1.9.0", TASK).version == "1.9.0"
    assert find_model("hand-made", TASK).version == "1.10.0"
    assert find_model(None, TASK).version == "1.10.0"
    assert find_model(str(elsewhere), TASK).name == "other"
    assert "no model nonsense" in refusal(find_model, "nonsense", TASK)
    assert "is for hemorrhage" in refusal(find_model, "hand-made", "rotator-cuff-classification")
    assert "No model is installed" in refusal(find_model, None, "rotator-cuff-classification")


def test_a_changed_model_is_noticed(models_folder):
    make_package(models_folder / "m")
    assert not list_models()[0].problem
    (models_folder / "m" / "weights.safetensors").write_bytes(b"shorter")
    assert "damaged" in list_models()[0].problem


# ---- installing --------------------------------------------------------------------------------------------------


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


# ---- downloading, from a server on this machine ------------------------------------------------------------------


class Server:
    """An HTTP server that can break off, forget ranges and change its file."""

    def __init__(self, content: bytes) -> None:
        self.content, self.etag = content, '"one"'
        self.break_after: list[int] = []
        self.status = 200
        self.requests: list[str | None] = []
        self.url = ""

    @contextmanager
    def running(self):
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Range")
                owner.requests.append(asked)
                if owner.status != 200:
                    self.send_error(owner.status)
                    return
                start = 0
                if asked and self.headers.get("If-Range") == owner.etag:
                    start = int(asked.removeprefix("bytes=").rstrip("-"))
                body = owner.content[start:]
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(owner.content) - 1}/{len(owner.content)}")
                self.send_header("ETag", owner.etag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: owner.break_after.pop(0)] if owner.break_after else body)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/hand-made.zip"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


@pytest.fixture
def server(package_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(download_module, "PAUSE_S", 0.01)
    # Larger than a piece, so that a part of it can arrive.
    archive = zipped(package_folder, tmp_path / "served.zip")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("readme.txt", "".join(str(n) for n in range(200_000)))
    with Server(archive.read_bytes()).running() as running:
        yield running


def test_install_over_http_from_this_machine(server, models_folder):
    fractions = []
    sha256 = hashlib.sha256(server.content).hexdigest()
    package = install_model(server.url, sha256=sha256, progress=lambda fraction, stage: fractions.append(fraction))
    assert package.path == models_folder / "hand-made-1.0.0"
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert not list((models_folder / ".downloads").iterdir())


def test_a_broken_connection_is_taken_up_where_it_stopped(server):
    half = len(server.content) // 2
    server.break_after = [half]
    assert install_model(server.url).id == "hand-made-1.0.0"
    first, second = server.requests
    assert first is None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= half


def test_a_cancelled_download_continues_later(server, models_folder):
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        install_model(server.url, cancelled=lambda: next(answers, True))
    (part,) = (models_folder / ".downloads").glob("*.part")
    have = part.stat().st_size
    assert 0 < have < len(server.content)
    assert list_models() == []
    assert install_model(server.url).id == "hand-made-1.0.0"
    assert server.requests == [None, f"bytes={have}-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_the_start(server):
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        install_model(server.url, cancelled=lambda: next(answers, True))
    server.etag = '"two"'
    assert install_model(server.url).id == "hand-made-1.0.0"


def test_a_download_with_another_hash_is_refused_and_thrown_away(server, models_folder):
    assert "not the file that was announced" in refusal(install_model, server.url, sha256="0" * 64)
    assert not list((models_folder / ".downloads").iterdir())


def test_a_server_without_the_file_or_an_answer_is_said(server):
    server.status = 404
    assert "404" in refusal(install_model, server.url)
    server.status = 503
    with pytest.raises(ResourceError, match="could not be reached"):
        install_model(server.url)
    assert len(server.requests) == 1 + download_module.ATTEMPTS


@pytest.mark.parametrize(
    "url", ["http://example.org/m.zip", "ftp://example.org/m.zip", "file:///tmp/m.zip", "https://"]
)
def test_only_https_is_downloaded(url):
    assert "only downloaded over https" in refusal(install_model, url)
