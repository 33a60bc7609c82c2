"""Downloading one file over https: resumed where an earlier attempt stopped, checked, and put in place at the end."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests

from radiologycnn.errors import Cancelled, InputError, ResourceError
from radiologycnn.file_replacing import replace_path
from radiologycnn.models.trust import SystemTrust
from radiologycnn.progress import IsCancelled, never_cancelled

ATTEMPTS = 4
PAUSE_S = 1.0
TIMEOUT_S = 20.0
LARGEST_DOWNLOAD_BYTES = 8_000_000_000
MOST_REDIRECTS = 10
_CHUNK_BYTES = 1 << 18


def download(
    url: str,
    to: Path,
    sha256: str | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: IsCancelled = never_cancelled,
) -> None:
    """Download ``url`` to the file ``to``.

    What has arrived stays in ``<to>.part`` when the connection breaks or the person cancels; the next call asks the
    server for the rest, if the file there is still the same one (its ETag or date), and starts over otherwise.

    Args:
        url: https; plain http only to this machine itself. So is every address that it leads on to.
        to: where the whole file goes.
        sha256: hexadecimal; a file with another one is thrown away.
        progress: called with a fraction, 0-1, where the size is known.
        cancelled: asked between pieces.

    Raises:
        InputError: not https, not there, or not the announced file.
        ResourceError: no connection after several attempts, or one that is not trusted.
        Cancelled: as ``cancelled`` said.
    """
    _check_address(url)
    part = to.with_name(to.name + ".part")
    failure: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            _wait(PAUSE_S * 2 ** (attempt - 1), cancelled)
        try:
            _fetch(url, part, progress or (lambda fraction: None), cancelled)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise _not_trusted(url) from error
            failure = error
    else:
        raise ResourceError(
            "no-connection",
            f"{urlsplit(url).hostname} could not be reached, or the connection broke off.",
            "Check the network and try again: the download continues where it stopped.",
        ) from failure
    if sha256:
        found = hashlib.sha256()
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
        if found.hexdigest() != sha256:
            _forget(part)
            raise InputError(
                "hash-mismatch",
                f"The download is not the file that was announced (its SHA-256 is {found.hexdigest()[:12]}…, "
                f"not {sha256[:12]}…).",
                "Check the address and the announced SHA-256.",
            )
    replace_path(part, to)
    _forget(part)


def _fetch(url: str, part: Path, report: Callable[[float], None], cancelled: IsCancelled) -> None:
    """One attempt: append the missing bytes to the part file."""
    mark = _mark_file(part)
    have = part.stat().st_size if part.exists() and mark.exists() else 0
    # Identity: a compressed answer would have other bytes and sizes than the file.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": mark.read_text(encoding="utf-8")}
    with _answer_to(url, headers) as answer:
        if answer.status_code == 416:
            # The part is as long as the file, or longer than a changed one: only a fresh start tells.
            _forget(part)
            raise requests.ConnectionError("range not satisfiable")
        if answer.status_code >= 500 or answer.status_code == 429:
            raise requests.ConnectionError(f"status {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise InputError(
                "download-refused",
                f"{urlsplit(url).hostname} does not give the file (HTTP status {answer.status_code}).",
                "Check the address.",
            )
        resumed = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if not resumed:
            have = 0
            _forget(part)
        identity = answer.headers.get("ETag", "")
        # A weak ETag does not promise equal bytes, so it cannot be resumed on.
        identity = identity if identity.startswith('"') else answer.headers.get("Last-Modified", "")
        if identity:
            mark.write_text(identity, encoding="utf-8")
        size = have + int(answer.headers.get("Content-Length") or 0)
        if size > LARGEST_DOWNLOAD_BYTES:
            raise InputError("model-too-large", "The file is larger than 8 GB.", "Check the address.")
        with part.open("ab") as file:
            for chunk in answer.iter_content(_CHUNK_BYTES):
                if cancelled():
                    raise Cancelled
                file.write(chunk)
                have += len(chunk)
                if have > LARGEST_DOWNLOAD_BYTES:
                    raise InputError("model-too-large", "The file is larger than 8 GB.", "Check the address.")
                if size > have - len(chunk):
                    report(min(have / size, 1.0))
        if answer.headers.get("Content-Length") and have < size:
            raise requests.ConnectionError("the connection closed early")


def _answer_to(url: str, headers: dict[str, str]) -> requests.Response:
    """The answer that is no redirect. Each address is looked at before it is asked: what comes over http on the way
    could lead anywhere."""
    first, by = urlsplit(url).hostname, ""
    cookies = requests.cookies.RequestsCookieJar()  # some servers let nobody past a redirect without theirs
    for _step in range(MOST_REDIRECTS + 1):
        _check_address(url, by)
        with requests.Session() as session:
            session.mount("https://", SystemTrust())
            answer = session.get(
                url, headers=headers, cookies=cookies, stream=True, timeout=TIMEOUT_S, allow_redirects=False
            )
        if answer.next is None:
            return answer
        answer.close()
        cookies.update(answer.cookies)
        by, url = urlsplit(url).hostname or "", answer.next.url
    raise InputError(
        "download-refused",
        f"{first} leads from one address to the next, more than {MOST_REDIRECTS} times.",
        "Check the address.",
    )


def _not_trusted(url: str) -> ResourceError:
    return ResourceError(
        "not-trusted",
        f"{urlsplit(url).hostname} does not show a certificate that this computer trusts, as where the network opens "
        "connections to look into them.",
        "Download the file with the browser and install it from disk, or ask whoever runs the network.",
    )


def _check_address(url: str, by: str = "") -> None:
    """Raises InputError where an address, which the host ``by`` leads on to, is not to be asked."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and _is_this_machine(parts.hostname or ""):
        return
    rule = "Models are only downloaded over https, so that nobody can change them on the way"
    raise InputError(
        "not-https",
        f"{rule}; {by} leads on to an address without it." if by else f"{rule}.",
        "Use an address that begins with https://, or download the file yourself and install it from disk.",
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mark_file(part: Path) -> Path:
    """Holds the ETag or date of the file that the part belongs to."""
    return part.with_name(part.name + ".etag")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _mark_file(part).unlink(missing_ok=True)


def _wait(seconds: float, cancelled: IsCancelled) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if cancelled():
            raise Cancelled
        time.sleep(0.1)
