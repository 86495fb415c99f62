"""Which integrations exist: the files of this package, and what other distributions offer in ``tocsin.integrations``.

Nothing is imported before its configuration asks for it. A plugin that cannot be loaded is an error with its name.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol, cast

import integrations

if TYPE_CHECKING:
    import msgspec

    from integrations.api import Integration, Ports

GROUP = "tocsin.integrations"


class PluginError(Exception):
    """An integration of this name does not exist, is offered twice, or cannot be loaded; the text is for a person."""


class Adapter(Protocol):
    """What the module of an integration offers. ``Options`` is the shape of its section of the configuration."""

    Options: type[msgspec.Struct]

    def build(self, name: str, options: msgspec.Struct, ports: Ports) -> Integration:
        """Validate and build, without I/O; ValueError with a text for a person when the options do not fit."""
        ...


def available() -> tuple[str, ...]:
    """Names of every integration that ``load`` knows, sorted."""
    return tuple(sorted({*_built_in(), *(point.name for point in _points())}))


def load(type_name: str) -> Adapter:
    """The module of this integration, imported now. Raises PluginError."""
    points = [point for point in _points() if point.name == type_name]
    if type_name in _built_in():
        if points:
            raise PluginError(
                f"integration {type_name!r} is built in, and {_origin(points[0])} offers another; uninstall it"
            )
        return _checked(type_name, importlib.import_module(f"integrations.{type_name}"), "built in")
    if len(points) > 1:
        raise PluginError(
            f"integration {type_name!r} is offered by {_origin(points[0])} and {_origin(points[1])}; uninstall one"
        )
    if not points:
        close = difflib.get_close_matches(type_name, available(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(available())}"
        raise PluginError(f"there is no integration {type_name!r}; {hint}")
    try:
        module = points[0].load()
    except Exception as error:
        raise PluginError(
            f"integration {type_name!r} from {_origin(points[0])} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return _checked(type_name, module, _origin(points[0]))


def _built_in() -> frozenset[str]:
    return frozenset(
        module.name
        for module in pkgutil.iter_modules(integrations.__path__)
        if not module.name.startswith("_") and module.name != "api"
    )


def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _checked(type_name: str, module: object, origin: str) -> Adapter:
    missing = [part for part in ("Options", "build") if not hasattr(module, part)]
    if missing:
        raise PluginError(f"integration {type_name!r} ({origin}) lacks {' and '.join(missing)}")
    return cast("Adapter", module)
