"""Model packages are installed from a folder, a zip or a server, whole or not at all, and removed."""

import hashlib
import io
import os
import shutil
import stat
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import urllib3
from engine.hand_made import description, make_package, window_network
from engine.model_files import change_description, refusal, zipped

from radiologycnn.errors import Cancelled, ResourceError
from radiologycnn.models import download as download_module
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


def test_a_network_that_opens_connections_is_told_from_none(monkeypatch):
    """As many hospitals' do, with certificates that the system's browser knows and Python does not."""
    asked = []

    def refuse(url, **options):
        asked.append(url)
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate in chain")

    monkeypatch.setattr(requests, "get", refuse)
    with pytest.raises(ResourceError, match="does not show a certificate") as refused:
        install_model("https://example.org/m.zip")
    assert "browser" in refused.value.hint and len(asked) == 1


@pytest.mark.parametrize(
    "url", ["http://example.org/m.zip", "ftp://example.org/m.zip", "file:///tmp/m.zip", "https://"]
)
def test_only_https_is_downloaded(url):
    assert "only downloaded over https" in refusal(install_model, url)


# ---- redirects, of servers that are made up ------------------------------------------------------------------------


@pytest.fixture
def servers(server, monkeypatch):
    """What addresses lead on to, and which were asked; an address that leads nowhere gives the server's file."""
    leads: dict[str, str] = {}
    asked: list[tuple[str, str]] = []

    class Adapter(requests.adapters.HTTPAdapter):
        def send(self, request, **options):
            asked.append((request.url, request.headers.get("Cookie", "")))
            answer = requests.Response()
            answer.status_code, answer.url, answer.request = 200, request.url, request
            answer.raw = urllib3.HTTPResponse(io.BytesIO(server.content), preload_content=False)
            if request.url in leads:
                answer.status_code = 302
                answer.headers["Location"] = leads[request.url]
                answer.cookies.set("pass", "yes", domain="example.org")
            return answer

    monkeypatch.setattr(requests.sessions, "HTTPAdapter", Adapter)
    return leads, asked


def test_redirects_are_followed_over_https(servers):
    leads, asked = servers
    leads["https://example.org/m.zip"] = "/files/m.zip"
    leads["https://example.org/files/m.zip"] = "https://store.example.net/m.zip"
    assert install_model("https://example.org/m.zip").id == "hand-made-1.0.0"
    assert asked == [
        ("https://example.org/m.zip", ""),
        ("https://example.org/files/m.zip", "pass=yes"),
        ("https://store.example.net/m.zip", ""),
    ]


def test_an_http_address_on_the_way_is_not_even_asked(servers):
    leads, asked = servers
    leads["https://example.org/m.zip"] = "http://example.net/m.zip"
    leads["http://example.net/m.zip"] = "https://example.com/m.zip"
    said = refusal(install_model, "https://example.org/m.zip")
    assert "only downloaded over https" in said and "example.org leads on to an address without it" in said
    assert [url for url, _cookie in asked] == ["https://example.org/m.zip"]


def test_redirects_without_end_are_refused(servers):
    leads, asked = servers
    leads["https://example.org/m.zip"] = "https://example.org/m.zip"
    assert "one address to the next" in refusal(install_model, "https://example.org/m.zip")
    assert len(asked) == 1 + download_module.MOST_REDIRECTS
