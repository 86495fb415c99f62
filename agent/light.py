"""Import aiohttp without the certificates of the whole world. Import this before anything that imports aiohttp.

aiohttp makes a verifying TLS context when it is imported, and that reads every CA of the system: 2 MB and 0.1 s, which
an agent that speaks to no remote ITSM would spend for nothing. Ours are made by ``integrations._http`` when they are
needed, so here OpenSSL is shown an empty store for the moment of the import (SSL_CERT_FILE and SSL_CERT_DIR,
SSL_CTX_set_default_verify_paths(3)). Certificates are verified as ever, against the real store.
"""

from __future__ import annotations

import os

_NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def _import_aiohttp() -> None:
    kept = {name: os.environ.get(name) for name in _NAMES}
    os.environ.update(dict.fromkeys(_NAMES, os.devnull))
    try:
        import aiohttp  # noqa: F401, PLC0415 - what this module is for
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_import_aiohttp()
