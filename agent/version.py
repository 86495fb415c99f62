"""The version of the installed distribution."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("tocsin")
except PackageNotFoundError:  # run from a source tree that nobody installed
    VERSION = "0+source"
