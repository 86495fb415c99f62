"""The sections whose keys belong to others: collectors, targets and integrations have their own, found by name."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

import collectors.api
import integrations.api
from agent.config.bind import INVALID, MAX_MISTAKES, Binder, bind
from agent.config.checks import Source
from agent.config.scalars import BadScalarError, to_bool
from agent.config.schema import Backend, CollectorChoice, Targets
from agent.config.words import describe, join, label, quoted
from rules.api import Mapping, Node, Problem, Scalar, Sequence, Severity, did_you_mean

OTHERS = "others"
"""The key that stands for every collector that is not mentioned."""


def bind_collectors(binder: Binder, node: Node, name: str, good: dict[str, Any]) -> Any:
    """``{NAME: {options} | on | off}``; a collector not mentioned is on, unless it is one of those that run only on
    request, or ``others: off`` is said.

    One that is off is not even imported, nor here one that is built in and not mentioned. A third party's is, for it
    may be broken. ``good`` takes the options without a mistake, so that one collector hides no mistake of another.
    """
    if isinstance(node, Scalar) and node.is_null:
        node = Mapping((), node.line, node.column)
    if not isinstance(node, Mapping):
        hint = "name collectors to tune or turn off: {filesystem: {...}, netclass: off}"
        return binder.problem(node, f"'{name}' must be a mapping, found {describe(node)}", hint)
    before = len(binder.problems)
    try:
        known = collectors.api.available()
    except collectors.api.CollectorLoadError as error:
        return binder.problem(node, str(error), "", "config/plugin")
    for key, _ in node.items:
        if key.value not in known and key.value != OTHERS:
            hint = did_you_mean(key.value, known) or "docs/configuration.md lists them"
            binder.problem(key, f"there is no collector {quoted(key.value)}", hint, "config/collector")
    untouched: list[str] = []
    others = node.get(OTHERS)
    if isinstance(others, Mapping):
        binder.problem(others, f"'{join(name, OTHERS)}' must be on or off, found {describe(others)}")
    others_on = not _switched_off(binder, others, join(name, OTHERS))
    for collector in sorted(known):
        value = node.get(collector)
        if value is None and not others_on:
            continue
        if value is None and collectors.api.is_builtin(collector):
            if collectors.api.on_by_default(collector):
                untouched.append(collector)
            continue
        if _switched_off(binder, value, join(name, collector)):
            continue
        try:
            wanted = collectors.api.load(collector).Options
        except collectors.api.CollectorLoadError as error:
            hint = f"turn it off with {collector}: off"
            binder.problem(value or node, str(error), hint, "config/plugin")
            continue
        if isinstance(value, Mapping):
            bound = binder.struct(value, wanted, join(name, collector))
            if bound is not INVALID:
                good[collector] = bound
        else:
            good[collector] = wanted()
    return INVALID if len(binder.problems) > before else CollectorChoice(dict(good), tuple(untouched))


def without_mistakes(good: dict[str, Any]) -> CollectorChoice:
    """What to check the rules against when a collector's options hold a mistake: everything that could be on."""
    rest = (name for name in collectors.api.available() if collectors.api.is_builtin(name) and name not in good)
    return CollectorChoice(good, tuple(rest))


def _switched_off(binder: Binder, value: Node | None, name: str) -> bool:
    if value is None or isinstance(value, Mapping) or (isinstance(value, Scalar) and value.is_null):
        return False
    try:
        if isinstance(value, Scalar):
            return not to_bool(value.value)
    except BadScalarError:
        pass  # said below, with everything that would be right
    binder.problem(value, f"'{name}' must be a mapping of options, on or off, found {describe(value)}")
    return True


def bind_targets(
    binder: Binder,
    node: Node,
    name: str,
    *,
    read: Callable[[Scalar], Source | None],
    folder: Callable[[Scalar], dict[str, Source] | None],
    warn: Callable[[list[Problem]], None],
) -> Any:
    """A mapping of options, or only the list of targets. ``modules`` may be the path of a file that holds them,
    ``profiles`` that of a folder with a file for each.

    ``read`` and ``folder`` give the nodes of these files, or None when they have said why there are none.
    ``warn`` takes what is wrong in modules of the file that no target uses.
    """
    if isinstance(node, Scalar) and node.is_null:
        return Targets()
    if not isinstance(node, Mapping):
        node = Mapping(((Scalar("targets", node.line, node.column), node),), node.line, node.column)
    kind = collectors.api.load_targets(name.rpartition(".")[2])
    profiles = node.get("profiles")
    if kind.Profile is not None and isinstance(profiles, Scalar) and not profiles.is_null:
        return _with_profiles(binder, node, name, kind, folder(profiles))
    written = node.get("modules")
    if not isinstance(written, Scalar) or written.is_null:
        options = binder.struct(node, kind.Options, name)
        return options if options is INVALID else Targets(options)
    options = binder.struct(node, kind.Options, name, skip=frozenset({"modules"}))
    source = read(written)
    if source is None:
        return Targets()
    root: Node = source.root
    set_aside: list[Problem] = []
    if options is not INVALID:
        root, set_aside = _without_unused_mistakes(binder, source, kind.Modules, options.used)
    held, problems = bind(root, kind.Modules, source.file, binder.hooks)
    warn(set_aside)
    binder.problems += problems
    if options is INVALID or held is INVALID:
        return INVALID
    return Targets(msgspec.structs.replace(options, modules=held.modules), str(Path(source.file).parent))


def _with_profiles(
    binder: Binder, node: Mapping, name: str, kind: collectors.api.TargetModule, files: dict[str, Source] | None
) -> Any:
    """The options, and each file of the folder as the profile of its name."""
    options = binder.struct(node, kind.Options, name, skip=frozenset({"profiles"}))
    held: dict[str, Any] = {}
    for profile, source in (files or {}).items():
        held[profile], problems = bind(source.root, kind.Profile, source.file, binder.hooks)
        binder.problems += problems
    if files is None or options is INVALID or INVALID in held.values():
        return INVALID if files is not None else Targets()
    return Targets(msgspec.structs.replace(options, profiles=held))


def _without_unused_mistakes(
    binder: Binder, source: Source, kind: type[msgspec.Struct], used: Set[str]
) -> tuple[Node, list[Problem]]:
    """The file without the modules that hold a mistake and that no target uses, and their mistakes as warnings.

    A file that was written for the exporter is taken as it is: what Tocsin does not have matters where it is used.
    """
    modules = source.root.get("modules") if isinstance(source.root, Mapping) else None
    if not isinstance(source.root, Mapping) or not isinstance(modules, Mapping):
        return source.root, []
    kept: list[tuple[Scalar, Node]] = []
    warnings: list[Problem] = []
    unused = "no target uses this module, which is left out"
    for key, module in modules.items:
        if key.value not in used:
            alone = Mapping(((key, module),), modules.line, modules.column)
            _, problems = bind(_with(source.root, alone), kind, source.file, binder.hooks)
            warnings += (
                replace(each, hint="; ".join(filter(None, (each.hint, unused))), severity=Severity.WARNING)
                for each in problems
            )
            if problems:
                continue
        kept.append((key, module))
    return _with(source.root, Mapping(tuple(kept), modules.line, modules.column)), warnings[:MAX_MISTAKES]


def _with(root: Mapping, modules: Mapping) -> Mapping:
    items = tuple((key, modules if key.value == "modules" else node) for key, node in root.items)
    return Mapping(items, root.line, root.column)


def bind_secret(binder: Binder, node: Node, name: str) -> Any:
    """``{credential: NAME}``, or the secret itself, of which the options' own check says whether it may be here."""
    if isinstance(node, Scalar) and not node.is_null:
        return collectors.api.Secret(node.value)
    if isinstance(node, Sequence):
        return binder.problem(node, f"{label(name)} must be one value, found a list")
    reference = binder.struct(node, collectors.api.CredentialRef, name)
    return reference if reference is INVALID else collectors.api.Secret(reference)


def refuse_unsupported(binder: Binder, node: Node, name: str) -> Any:
    """Says by name that an option of the format is not one of ours."""
    hint = "remove it, or leave this to the exporter the file was written for"
    return binder.problem(node, f"{label(name)} is not supported by Tocsin", hint, "config/unsupported")


def bind_backend(binder: Binder, node: Node, name: str, good: dict[str, Backend]) -> Any:
    """``{type: TYPE, ...}``: the other keys are the options of that type. ``good`` as for collectors."""
    if not isinstance(node, Mapping):
        return binder.problem(node, f"'{name}' must be a mapping, found {describe(node)}", "write {type: ..., ...}")
    kind = node.get("type")
    known = integrations.api.available()
    if not isinstance(kind, Scalar) or kind.is_null:
        return binder.problem(
            kind or node, f"'{name}' has no type", f"add 'type: ...', one of {', '.join(known)}", "config/missing"
        )
    if kind.value not in known:
        hint = did_you_mean(kind.value, known)
        return binder.problem(kind, f"there is no integration of type {quoted(kind.value)}", hint, "config/integration")
    try:
        wanted = integrations.api.load(kind.value).Options
    except integrations.api.PluginError as error:
        return binder.problem(kind, str(error), "mend or uninstall the plugin", "config/plugin")
    options = binder.struct(node, wanted, name, skip=frozenset({"type"}))
    if options is INVALID:
        return INVALID
    good[name.partition(".")[2]] = backend = Backend(type=kind.value, options=options)
    return backend
