"""``python -m agent.config.reference``: writes ``docs/configuration.md`` from the typed configuration.

Every key with its type, default, meaning and example comes from the types themselves, so the page cannot say anything
else than the program does; a test compares the two.
"""

from __future__ import annotations

import inspect
import json
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect as mi

import collectors.api
import integrations.api
from agent.config.scalars import duration_text
from agent.config.schema import Backend, CollectorChoice, Config, Targets
from agent.config.words import CREDENTIALS, join, type_words

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "configuration.md"

_INTRODUCTION = """\
# Configuration

Generated from the program by `make docs`; do not edit.

The agent reads one YAML file, `/etc/tocsin/tocsin.yaml` unless `--config` names another. Without any file it runs with
the defaults below. Unknown keys, values of a wrong type or out of range, and names that lead nowhere are refused, all
of them at once, with file, line and column: run `tocsin check` before a reload. A reload that fails leaves the old
configuration in place; at a start the last good one, kept in the state directory, is used instead. A rule file with
mistakes keeps only itself back ([operations](operations.md#a-configuration-or-a-rule-file-with-mistakes)).

- Durations are written as Prometheus writes them: `500ms`, `15s`, `5m`, `1h30m`, `90d`.
- Secrets are never in the file: `{credential: NAME}` names one. Under the shipped service it is the file
  `/etc/tocsin/credentials/NAME`; a `LoadCredential=NAME:PATH` of yours comes first, and a file in
  `credentials_directory` is for an agent without a service manager. It is read anew whenever it is used.
- The file may hold at most 1 MiB, and 32 levels; anchors, aliases and merge keys (`<<`) are understood.
- A section that is left out has its defaults. A list or mapping that is written replaces the default as a whole.

The smallest useful file:

```yaml
identity: {environment: prod}
integrations:
  rt: {type: rt, url: https://rt.example.net, queue: Operations, auth: {token: {credential: rt-token}}}
```
"""


def render() -> str:
    """The whole page."""
    config = mi.type_info(Config)
    parts = [_INTRODUCTION, "\n## The sections\n\n" + _table(config)]
    parts += _headed(_places(config, "", {}), 2)
    parts.append("\n## Collectors\n\nOptions under `collect.host.NAME`. `NAME: off` turns a collector off.\n")
    for name in collectors.api.available():
        module = collectors.api.load(name)
        parts.append(f"\n### Collector `{name}`\n\n{_summary(sys.modules[module.build.__module__])}\n")
        if not collectors.api.on_by_default(name):
            parts.append(f"\nOff until it is mentioned: `{name}: on`, or a mapping of its options.\n")
        parts += _options(module.Options, f"collect.host.{name}")
    for name in collectors.api.target_kinds():
        kind = collectors.api.load_targets(name)
        parts.append(f"\n## Targets: `collect.{name}`\n\n{_summary(sys.modules[kind.Options.__module__])}\n")
        parts += _options(kind.Options, f"collect.{name}")
    parts.append("\n## Integrations\n\nOptions of an entry of `integrations`, by its `type`.\n")
    for name in integrations.api.available():
        adapter = integrations.api.load(name)
        parts.append(f"\n### Integration `{name}`\n\n{_summary(sys.modules[adapter.build.__module__])}\n")
        parts += _options(adapter.Options, "integrations.NAME")
    return "".join(parts)


def _options(cls: type[msgspec.Struct], path: str) -> list[str]:
    info = mi.type_info(cls)
    if not getattr(info, "fields", ()):
        return ["\nNo options.\n"]
    text = cls.__doc__ and _text(inspect.cleandoc(cls.__doc__))
    return [f"\n{text}\n" if text else "", "\n" + _table(info), *_headed(_places(info, path, {}), 4)]


Places = dict[type, tuple[mi.StructType, list[str]]]


def _places(info: Any, path: str, found: Places) -> Places:
    """Every Struct below a type with all the places where one is written, outer ones first."""
    for field in info.fields:
        for struct, suffix in _structs(field.type):
            where = join(path, field.encode_name) + suffix
            if struct.cls in {CollectorChoice, Backend, Targets, *CREDENTIALS} or where.endswith(
                (".modules.NAME", ".profiles.NAME")
            ):
                continue
            if struct.cls in found:
                found[struct.cls][1].append(where)
                continue
            found[struct.cls] = (struct, [where])
            _places(struct, where, found)
    return found


def _headed(places: Places, level: int) -> list[str]:
    return [
        f"\n{'#' * min(level + where[0].count('.'), 4)} {', '.join(f'`{each}`' for each in where)}\n\n"
        f"{_text(inspect.getdoc(struct.cls) or '')}\n\n{_table(struct)}"
        for struct, where in places.values()
    ]


def _structs(wanted: mi.Type, suffix: str = "") -> list[tuple[mi.StructType, str]]:
    """The Structs in a type, with how one writes the way to them: ``[]`` an item, ``.NAME`` an entry."""
    if isinstance(wanted, mi.Metadata):
        return _structs(wanted.type, suffix)
    if isinstance(wanted, mi.StructType):
        return [(wanted, suffix)]
    if isinstance(wanted, mi.UnionType):
        return [found for kind in wanted.types for found in _structs(kind, suffix)]
    if isinstance(wanted, mi.VarTupleType | mi.ListType):
        return _structs(wanted.item_type, suffix + "[]")
    if isinstance(wanted, mi.DictType):
        return _structs(wanted.value_type, suffix + ".NAME")
    return []


def _table(info: Any) -> str:
    rows = [_row(field) for field in info.fields]
    if not any(meaning for *_, meaning in rows):
        rows = [row[:-1] for row in rows]
    heads = ["key", "type", "default", "meaning"][: len(rows[0])]
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _row(field: mi.Field) -> list[str]:
    extra, schema = _meta(field.type)
    default = "required" if field.required else _shown(_default(field), extra)
    text = str(schema.get("description", "")).strip()
    meaning = (text[:1].upper() + text[1:]).rstrip(".") + "." if text else ""
    if examples := schema.get("examples", []):
        meaning = f"{meaning} Example: {' or '.join(f'`{_example(value)}`' for value in examples)}.".strip()
    bounds = _bounds(field.type)
    return [f"`{field.encode_name}`", type_words(field.type) + (f", {bounds}" if bounds else ""), default, meaning]


def _meta(wanted: mi.Type) -> tuple[dict[str, Any], dict[str, Any]]:
    """``extra`` and the schema words of a field; the outermost description wins. Looks through ``| None``."""
    extra: dict[str, Any] = {}
    schema: dict[str, Any] = {}
    while isinstance(wanted, mi.Metadata | mi.UnionType):
        if isinstance(wanted, mi.Metadata):
            extra = {**(wanted.extra or {}), **extra}
            schema = {**(wanted.extra_json_schema or {}), **schema}
            wanted = wanted.type
            continue
        kinds = [kind for kind in wanted.types if not isinstance(kind, mi.NoneType)]
        if len(kinds) != 1:
            break
        wanted = kinds[0]
    return extra, schema


def _bounds(wanted: mi.Type) -> str:
    extra, _ = _meta(wanted)
    while isinstance(wanted, mi.Metadata):
        wanted = wanted.type
    if isinstance(wanted, mi.UnionType):
        return next((_bounds(kind) for kind in wanted.types if not isinstance(kind, mi.NoneType)), "")
    if not isinstance(wanted, mi.IntType | mi.FloatType):
        return str(extra.get("form", ""))
    low, high = wanted.ge, wanted.le
    if extra.get("unit") == "ms":
        return _range_text(*(None if bound is None else duration_text(int(bound)) for bound in (low or None, high)))
    return _range_text(*(None if bound is None else f"{bound:g}" for bound in (low, high)))


def _range_text(low: str | None, high: str | None) -> str:
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""


def _default(field: mi.Field) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _shown(value: Any, extra: dict[str, Any]) -> str:
    if value is None or value == Targets():
        return "not set"
    if isinstance(value, CollectorChoice):
        return "`{}`"
    if isinstance(value, msgspec.Struct) and len(value.__struct_fields__) > 2:
        return "see below"
    if extra.get("unit") == "ms" and isinstance(value, int):
        return f"`{duration_text(value)}`"
    if value == "":
        return "empty"
    return f"`{value if isinstance(value, str) else _example(value)}`"


def _text(docstring: str) -> str:
    return docstring.replace("``", "`")


def _example(value: Any, *, inside: bool = False) -> str:
    """A value as YAML flow text. ``inside`` a sequence or mapping, brackets and commas need quotes anywhere."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, msgspec.Struct):
        shown = ((f, getattr(value, f.name)) for f in msgspec.structs.fields(value))
        return "{" + ", ".join(f"{f.encode_name}: {_field_text(f, item)}" for f, item in shown) + "}"
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{_example(key, inside=True)}: {_example(item, inside=True)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_example(item, inside=True) for item in value) + "]"
    text = str(value)
    if "\\" in text and "'" not in text:
        return f"'{text}'"  # a pattern reads better without each backslash doubled
    plain = bool(text) and not set(text) & set(":{}[],&*#?|<>=!%@\\\"'` ") and text == text.strip()
    loose = ("/" in text or "=" in text) and not (set(text) & set("{}[],") if inside else text[0] in "{[")
    return text if plain or loose else json.dumps(text, ensure_ascii=False)


def _field_text(field: Any, value: Any) -> str:
    info = mi.type_info(field.type)
    if isinstance(info, mi.Metadata) and (info.extra or {}).get("unit") == "ms":
        return duration_text(value)
    return _example(value)


def _summary(module: Any) -> str:
    return _text(inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
