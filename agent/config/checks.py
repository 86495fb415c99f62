"""What only the whole configuration can show: names that must exist elsewhere, values that must agree, doors left open.

Each check looks at one thing. One that needs a section which is broken in itself is left out: its answer would mislead.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as AbcMapping
from pathlib import Path
from typing import Any

import msgspec

import collectors.api
import integrations.api
from agent.config.bind import MAX_MISTAKES
from agent.config.lint_names import PREFIX, lint_names
from agent.config.regex import compile_regex
from agent.config.scalars import duration_text
from agent.config.schema import Config
from agent.config.words import CREDENTIALS, join, locate, name_in_text, quoted
from agent.core.matcher import MatcherError, compile_all
from agent.core.policy import Catalogue, Route
from agent.secret import open_to_others, valid_name
from rules.api import Mapping, Node, Problem, Scalar, Severity, did_you_mean

Path_ = tuple[str | int, ...]
_CREDENTIAL_FORM = "use letters, digits, '_', '-', '.', '@'; the secret itself does not belong into this file"


class Source(msgspec.Struct, frozen=True):
    """A file and its nodes: where a problem is said to be."""

    file: str
    root: Node

    def problem(self, path: Path_, message: str, hint: str, check: str) -> Problem:
        line, column = locate(self.root, path)
        return Problem(self.file, line, column, message, hint, check)


def cross_check(
    config: Config, source: Source, broken: frozenset[str], modules: AbcMapping[str, Source]
) -> list[Problem]:
    """All problems between sections. ``broken`` names sections that stand at their default because they are wrong.

    ``modules`` are the files, by the path as it is written, in which the modules of targets stand; those of a folder
    of profiles, by that of the folder and the profile's name.
    """
    checker = _Checker(config, source, broken, modules)
    checker.receivers()
    checker.routes()
    checker.classification()
    checker.collect()
    checker.targets()
    checker.listen()
    checker.lints()
    checker.integrations()
    checker.credentials()
    if config.slo:
        from agent.config.slo_checks import check_slos  # noqa: PLC0415 - only who has objectives needs it

        checker.problems += check_slos(config, source, broken)
    return checker.problems


def check_catalogue(catalogue: Catalogue, source: Source) -> list[Problem]:
    """Duplicate names and bad matchers of a catalogue; ``source.root`` is the catalogue itself."""
    problems = []
    for key, names in (("services", [s.name for s in catalogue.services]), ("cis", [c.id for c in catalogue.cis])):
        for index, name in repeated(names):
            message = f"{key}: {quoted(name)} stands twice"
            problems.append(source.problem((key, index), message, "keep one of the two", "config/duplicate"))
    for number, ci in enumerate(catalogue.cis):
        problems += _matchers(ci.matchers, source, ("cis", number, "matchers"))
    return problems


class _Checker:
    def __init__(
        self, config: Config, source: Source, broken: frozenset[str], modules: AbcMapping[str, Source]
    ) -> None:
        self._modules = modules
        self.problems: list[Problem] = []
        self._config = config
        self._source = source
        self._broken = broken

    def _say(self, path: Path_, message: str, hint: str, check: str) -> None:
        self.problems.append(self._source.problem(path, message, hint, check))

    def receivers(self) -> None:
        if self._broken & {"receivers", "integrations"}:
            return
        known = self._config.integrations
        for index, name in repeated([receiver.name for receiver in self._config.receivers]):
            message = f"receiver {quoted(name)} stands twice"
            self._say(("receivers", index, "name"), message, "give each receiver a name of its own", "config/duplicate")
        for index, receiver in enumerate(self._config.receivers):
            if receiver.integration not in known:
                message = f"there is no integration {quoted(receiver.integration)} under 'integrations'"
                path = ("receivers", index, "integration")
                self._say(path, message, did_you_mean(receiver.integration, known), "config/reference")

    def routes(self) -> None:
        if "route" in self._broken:
            return
        root = self._config.route
        if root.matchers:
            hint = "move them into an entry of 'routes'"
            self._say(
                ("route", "matchers"), "the root route takes every alert and has no matchers", hint, "config/route"
            )
        if root.continue_:
            hint = "remove it, or move it into an entry of 'routes'"
            self._say(("route", "continue"), "the root route has no siblings to continue with", hint, "config/route")
        known = sorted({receiver.name for receiver in self._config.receivers})
        if root.receiver is None and not self._broken & {"receivers", "integrations"}:
            hint = f"add 'receiver: ...', one of {', '.join(known[:24])}" if known else "define 'receivers' first"
            self._say(("route",), "'route' has no receiver, and there is more than one", hint, "config/missing")
        for path, route in _walk(root, ("route",)):
            if len(self.problems) >= MAX_MISTAKES:
                break
            self._route(path, route, known)

    def _route(self, path: Path_, route: Route, known: list[str]) -> None:
        unknown = route.receiver is not None and route.receiver not in known
        if unknown and not self._broken & {"receivers", "integrations"}:
            message = f"there is no receiver {quoted(route.receiver or '')}"
            self._say((*path, "receiver"), message, did_you_mean(route.receiver or "", known), "config/reference")
        self.problems += _matchers(route.matchers, self._source, (*path, "matchers"))
        labels = route.group_by or ()
        for index, label in enumerate(labels):
            if not label:
                self._say(
                    (*path, "group_by", index), "a label name is empty", "name a label, or remove it", "config/value"
                )
        for index, label in repeated(labels):
            message = f"label {quoted(label)} stands twice"
            self._say((*path, "group_by", index), message, "keep one of the two", "config/duplicate")
        if "..." in labels and len(labels) > 1:
            message = "'...' already stands for every label"
            self._say((*path, "group_by"), message, "write ['...'] alone, or name the labels", "config/value")

    def classification(self) -> None:
        for number, rule in enumerate(self._config.classification.rules):
            path = ("classification", "rules", number, "matchers")
            self.problems += _matchers(rule.matchers, self._source, path)

    def collect(self) -> None:
        collect = self._config.collect
        if collect.deadline > collect.interval:
            interval = duration_text(collect.interval)
            message = (
                f"'collect.deadline' ({duration_text(collect.deadline)}) is longer than 'collect.interval' ({interval})"
            )
            written = (
                ("collect", "deadline")
                if _is_written(self._source.root, ("collect", "deadline"))
                else ("collect", "interval")
            )
            self._say(written, message, "set deadline to at most the interval", "config/range")
        host = collectors.api.HostFS(collect.procfs, collect.sysfs, collect.rootfs)
        for name, options in collect.host.options.items():
            path = ("collect", "host", name)
            try:
                built = collectors.api.load(name).build(options, host)
            except ValueError as error:
                self._refused(path, str(error))
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                self._plugin(path, f"collector {quoted(name)} cannot be built: {type(error).__name__}: {error}")
            else:
                self._lacks(path, f"collector {quoted(name)}", built, collectors.api.Collector)

    def lints(self) -> None:
        written: list[tuple[Path_, str]] = [
            (("off", index), name) for index, name in enumerate(self._config.rules.lints.off)
        ]
        for number, allowed in enumerate(self._config.rules.lints.allow):
            written += [(("allow", number, "lints", index), name) for index, name in enumerate(allowed.lints)]
        known = lint_names() if written else ()
        for path, name in written:
            if name.removeprefix(PREFIX) not in known:
                near = did_you_mean(name.removeprefix(PREFIX), known)
                hint = near or "docs/lints/README.md lists the checks"
                self._say(("rules", "lints", *path), f"there is no check {quoted(name)}", hint, "config/reference")

    def targets(self) -> None:
        for name in collectors.api.target_kinds():
            options = getattr(self._config.collect, name).options
            if options is None:
                continue
            for problem in collectors.api.load_targets(name).check(options, self._config.collect.interval):
                text = f"'{_dotted(('collect', name, *problem.path))}': {problem.text}"
                place, line, column = self._option_of(name, problem.path)
                foreign = problem.secret and place is not self._source
                severity = Severity.WARNING if problem.warning or foreign else Severity.ERROR
                found = Problem(place.file, line, column, text, problem.hint, f"config/{name}", severity)
                self.problems.append(found)
                if len(self.problems) >= MAX_MISTAKES:
                    return
            for path, reference in _credentials(options, ()):
                if not valid_name(reference.credential):
                    text = f"'{_dotted(('collect', name, *path))}' is not the name of a credential"
                    place, line, column = self._option_of(name, path)
                    self.problems.append(Problem(place.file, line, column, text, _CREDENTIAL_FORM, "config/credential"))

    def _option_of(self, kind: str, path: Path_) -> tuple[Source, int, int]:
        """Where an option of targets stands: in this file, where they may be the bare list, or in that of modules."""
        here = ("collect", kind)
        node = _node_at(self._source.root, here)
        written = node.get("modules") if isinstance(node, Mapping) else None
        if path[0] == "modules" and isinstance(written, Scalar) and written.value in self._modules:
            source, full = self._modules[written.value], path
        elif (profile := self._profile_of(node, path)) is not None:
            source, full = profile, path[2:]
        else:
            source, full = self._source, (*here, *(path if isinstance(node, Mapping) else path[1:]))
        return source, *locate(source.root, full)

    def _profile_of(self, node: Node | None, path: Path_) -> Source | None:
        """The file of the profile that an option belongs to, if it has one of its own."""
        folder = node.get("profiles") if isinstance(node, Mapping) else None
        if path[0] != "profiles" or len(path) < 2 or not isinstance(folder, Scalar):
            return None
        return self._modules.get(f"{folder.value}/{path[1]}")

    def integrations(self) -> None:
        ports = integrations.api.Ports(credential=_no_credential, database=_NoDatabase(), now=lambda: 0)
        for name, backend in self._config.integrations.items():
            path, what = ("integrations", name), f"integration {quoted(name)} of type {quoted(backend.type)}"
            try:
                built = integrations.api.load(backend.type).build(name, backend.options, ports)
            except ValueError as error:
                self._refused(path, str(error))
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                self._plugin(path, f"{what} cannot be built: {type(error).__name__}: {error}")
            else:
                self._lacks(path, what, built, integrations.api.Integration)

    def _plugin(self, path: Path_, text: str) -> None:
        self._say(path, text, "mend or uninstall the plugin", "config/plugin")

    def _lacks(self, path: Path_, what: str, built: object, protocol: type) -> None:
        """What was built must have all that its protocol names: whoever calls it later has no line to point at."""
        wanted = {*protocol.__annotations__, *vars(protocol)}
        if missing := sorted(part for part in wanted if not part.startswith("_") and not hasattr(built, part)):
            self._plugin(path, f"{what} lacks {', '.join(missing)}")

    def _refused(self, path: Path_, text: str) -> None:
        """A module refuses its options; point at the option its text names."""
        node = _node_at(self._source.root, path)
        where = name_in_text(text, node) if isinstance(node, Mapping) else None
        line, column = (where.line, where.column) if where is not None else locate(self._source.root, path)
        name = ".".join(map(str, path))
        self.problems.append(Problem(self._source.file, line, column, f"'{name}': {text}", "", "config/value"))

    def listen(self) -> None:
        address = self._config.listen.address
        if address == "off":
            return
        host, _, port = address.rpartition(":")
        path = ("listen", "address")
        if not 0 <= int(port) <= 65535:
            self._say(path, f"port {port} does not exist", "use 1 to 65535, or 0 for any free port", "config/range")
        if not _is_loopback(host.strip("[]")) and not self._config.listen.allow_remote:
            message = f"'listen.address' {quoted(address)} can be reached from other machines"
            hint = "listen on 127.0.0.1, or confirm with 'allow_remote: true' behind a proxy with TLS and a login"
            self._say(path, message, hint, "config/listen")

    def credentials(self) -> None:
        for path, reference in _credentials(self._config.integrations, ("integrations",)):
            if not valid_name(reference.credential):
                text = f"'{_dotted(path)}' is not the name of a credential"
                self._say(path, text, _CREDENTIAL_FORM, "config/credential")
        directory = self._config.credentials_directory
        if directory is None:
            return
        path = ("credentials_directory",)
        if not directory.startswith("/"):
            self._say(path, "'credentials_directory' must be an absolute path", "begin it with '/'", "config/value")
        elif mend := open_to_others(Path(directory)):
            self._say(path, f"'credentials_directory': {mend}", "", "config/credential")


def _matchers(texts: Sequence[str], source: Source, path: Path_) -> Iterator[Problem]:
    for index, text in enumerate(texts):
        try:
            compile_all([text], compile_regex)
        except MatcherError as error:
            yield source.problem((*path, index), str(error), "", "config/matcher")


def _walk(route: Route, path: Path_) -> Iterator[tuple[Path_, Route]]:
    yield path, route
    for index, child in enumerate(route.routes):
        yield from _walk(child, (*path, "routes", index))


def repeated(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Position and name of each second and later occurrence."""
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        if seen[name]:
            yield index, name
        seen[name] += 1


def _credentials(value: Any, path: Path_) -> Iterator[tuple[Path_, Any]]:
    """Every reference to a credential in a value, with the way to it."""
    if isinstance(value, collectors.api.Secret):
        value = value.reference
    if type(value) in CREDENTIALS:
        yield path, value
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _credentials(item, (*path, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _credentials(getattr(item, "options", item), (*path, key))
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from _credentials(getattr(value, field.name), (*path, field.encode_name))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_written(root: Node, path: Path_) -> bool:
    return _node_at(root, path) is not None


def _node_at(root: Node | None, path: Path_) -> Node | None:
    for step in path:
        root = root.get(step) if isinstance(root, Mapping) and isinstance(step, str) else None
    return root


def _dotted(path: Path_) -> str:
    name = ""
    for step in path:
        name = join(name, step)
    return name


def _no_credential(name: str) -> integrations.api.Secret:
    raise integrations.api.Unauthorised(f"credential {name!r} is not read while the configuration is checked")


class _NoDatabase:
    """Stands for the agent's database while options are checked; building an integration does no I/O."""

    async def transact(self, work: Any) -> Any:
        raise RuntimeError("no transaction may run while the configuration is checked")
