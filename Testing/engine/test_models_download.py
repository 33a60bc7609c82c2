"""Model packages come over https: taken up where a connection broke, checked, and from nobody who is not trusted."""

import hashlib
import io
import ssl
import sys
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import trustme
import urllib3
from engine.model_files import refusal, zipped

from radiologycnn.errors import Cancelled, ResourceError
from radiologycnn.models import download as download_module
from radiologycnn.models.catalog import list_models
from radiologycnn.models.install import install_model

pytestmark = pytest.mark.usefixtures("models_folder")


class Server:
    """An HTTP server that can break off, forget ranges and change its file."""

    def __init__(self, content: bytes) -> None:
        self.content, self.etag = content, '"one"'
        self.break_after: list[int] = []
        self.status = 200
        self.requests: list[str | None] = []
        self.url = ""

    @contextmanager
    def running(self, listener: type[ThreadingHTTPServer] = ThreadingHTTPServer):
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

        server = listener(("127.0.0.1", 0), Handler)
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


class HospitalNetwork:
    """An https server that shows a certificate of the house's own authority."""

    def __init__(self, server: Server, folder: Path) -> None:
        authority = trustme.CA(organization_name="House")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self.connections = 0
        self.url, self._http = "", server
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self._context = context

    @contextmanager
    def running(self):
        owner = self

        class Listener(ThreadingHTTPServer):
            def get_request(self):
                owner.connections += 1
                connection, address = super().get_request()
                return owner._context.wrap_socket(connection, server_side=True), address

        with self._http.running(Listener) as running:
            self.url = running.url.replace("http://127.0.0.1", "https://localhost")
            yield self


@pytest.fixture
def hospital_network(package_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    archive = zipped(package_folder, tmp_path / "served.zip")
    with HospitalNetwork(Server(archive.read_bytes()), tmp_path).running() as running:
        yield running


def test_a_network_that_opens_connections_is_told_from_none(hospital_network):
    with pytest.raises(ResourceError, match="does not show a certificate") as refused:
        install_model(hospital_network.url)
    assert "browser" in refused.value.hint and hospital_network.connections == 1


@pytest.mark.skipif(sys.platform != "linux", reason="where OpenSSL has the system's authorities from")
def test_an_authority_that_the_computer_knows_is_believed(hospital_network, monkeypatch):
    """As hospitals' networks have, whose authority every computer of the house knows and Python does not bring."""
    monkeypatch.setenv("SSL_CERT_FILE", str(hospital_network.authority))
    assert install_model(hospital_network.url).id == "hand-made-1.0.0"


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

    def send(adapter, request, **options):
        asked.append((request.url, request.headers.get("Cookie", "")))
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, request.url, request
        answer.raw = urllib3.HTTPResponse(io.BytesIO(server.content), preload_content=False)
        if request.url in leads:
            answer.status_code = 302
            answer.headers["Location"] = leads[request.url]
            answer.cookies.set("pass", "yes", domain="example.org")
        return answer

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
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
