"""Whom a download believes: the authorities that Python brings, and those that this computer's keeper added.

Many hospitals' networks open https connections to look into them, and show a certificate of their own, which every
computer of the house knows: Windows in its certificate store, Linux in OpenSSL's folder. ``requests`` alone asks
neither.
"""

from __future__ import annotations

import ssl
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context


class SystemTrust(HTTPAdapter):
    """Of a session's https connections: certificates are checked as ever, by the system's authorities as well."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options | {"ssl_context": _system_context()})

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options | {"ssl_context": _system_context()})


def _system_context() -> ssl.SSLContext:
    # requests adds its own authorities to it for each connection.
    context = create_urllib3_context()
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context
