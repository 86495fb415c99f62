"""The half of aiohttp that serves; the other half when somebody asks for it. Import this before anything of aiohttp's.

``import aiohttp`` loads the client with all it needs, and makes a verifying TLS context, which reads every CA of the
system: 5 MB and 0.1 s in all, which an agent that speaks to no remote ITSM would spend for nothing. So the package is
put in its place without being run, ``aiohttp.web`` is imported below it, and the first name asked of the package that
it does not have (``aiohttp.ClientSession``) runs it after all.

Two settings hold for the moment of an import only. OpenSSL is shown an empty store (SSL_CERT_FILE and SSL_CERT_DIR,
SSL_CTX_set_default_verify_paths(3)): contexts of ours are made by ``integrations._http`` when they are needed, against
the real store. And frozenlist is asked for its Python form: it holds a server's few handlers of signals, and the
compiled one alone would bring in the C++ library (1 MB).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from types import ModuleType

PACKAGE = "aiohttp"
_MEANWHILE = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull, "FROZENLIST_NO_EXTENSIONS": "1"}


@contextmanager
def _meanwhile() -> Iterator[None]:
    kept = {name: os.environ.get(name) for name in _MEANWHILE}
    os.environ.update(_MEANWHILE)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _import_server() -> None:
    """Leaves ``aiohttp`` and ``aiohttp.web`` in ``sys.modules``; a package that is there already stays as it is."""
    spec = find_spec(PACKAGE) if PACKAGE not in sys.modules else None
    if spec is None:
        return
    package = module_from_spec(spec)

    def on_demand(name: str) -> object:
        """What the package is asked for and does not have (PEP 562): one of its modules is left to ``import``."""
        if name.startswith("__") or find_spec(f"{PACKAGE}.{name}") is not None:
            raise AttributeError(name)
        _import_rest(package)
        return getattr(package, name)

    vars(package).update(__version__=version(PACKAGE), __getattr__=on_demand)
    sys.modules[PACKAGE] = package
    with _meanwhile():
        importlib.import_module(f"{PACKAGE}.web")


def _import_rest(package: ModuleType) -> None:
    """Runs the package, over what was imported below it."""
    del vars(package)["__getattr__"]
    with _meanwhile():
        importlib.reload(package)


_import_server()
