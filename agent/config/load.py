"""Loads the configuration: main file, catalogue, rule packs and rule files, with every mistake at once and no network.

load(None)                    the embedded defaults: this host, the host pack, the desk
load(path)                    the files on disk
load(bundle.main, bundle)     the last good configuration, as ``Loaded.bundle()`` kept it

With ``kept``, a rule file with mistakes is replaced by an older version of it, or left out, and all else is taken.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from agent.config import packs
from agent.config.bind import INVALID, MAX_MISTAKES, Binder, EnoughError
from agent.config.checks import Source, check_catalogue, cross_check
from agent.config.files import Bundle, Disk, Files, FilesError, Reading
from agent.config.profiles import with_profile
from agent.config.rule_files import Kept, RefusedFile, RuleFiles
from agent.config.schema import LISTEN_ADDRESS, Backend, Collect, CollectorChoice, Config, Targets
from agent.config.sections import (
    bind_backend,
    bind_collectors,
    bind_secret,
    bind_targets,
    refuse_unsupported,
    without_mistakes,
)
from agent.config.words import locate, quoted
from agent.core.policy import Catalogue, Policy, Receiver
from collectors.api import Octets, Secret, Unsupported
from rules.api import Mapping, Node, Problem, RuleFile, Scalar, Severity, did_you_mean, read_yaml

EMBEDDED = "embedded defaults"
_GLOB = frozenset("*?[")
_READABLE = frozenset({"yaml/duplicate-key", "yaml/control"})
"""Mistakes that leave the rest of a file meaning what it says; after any other, what follows would mislead."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """``config`` is None when any problem is an error; ``rules`` are the parsed packs and files, in order.

    Loaded with ``kept``, errors in rule files do not count for that: those files are named in ``refused`` instead.
    """

    config: Config | None
    problems: tuple[Problem, ...]
    rules: tuple[RuleFile, ...] = ()
    config_hash: str = ""
    file: str = EMBEDDED
    texts: dict[str, bytes] = field(default_factory=dict)
    refused: tuple[RefusedFile, ...] = ()
    profile: str = ""

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def mistakes(self) -> str:
        """How many there are, and in which files, as people say it."""
        places = ", ".join(dict.fromkeys(problem.file for problem in self.errors))
        count = len(self.errors)
        return f"{count} mistake{'s' if count != 1 else ''} in {places}"

    @property
    def policy(self) -> Policy:
        """The sections the core decides by. Only of a configuration without errors."""
        c = self.config
        if c is None:
            raise ValueError("a configuration with errors has no policy")
        return Policy(
            route=c.route,
            receivers=c.receivers,
            catalogue=c.catalogue,
            classification=c.classification,
            incident=c.incident,
        )

    def bundle(self) -> Bundle | None:
        """What to keep as the last good configuration; None for the embedded defaults, which cannot break."""
        if self.config is None or not self.texts:
            return None
        return Bundle(main=self.file, texts={path: text.decode() for path, text in self.texts.items()})


def load(path: Path | str | None, files: Files | None = None, *, kept: Kept | None = None, profile: str = "") -> Loaded:
    """Load and check everything. Never raises for what a file holds; a missing main file is a problem like others.

    ``profile`` names the defaults of a kind of machine (``agent.config.profiles``).
    """
    loader = _Loader(Reading(files if files is not None else Disk()), kept, profile)
    return loader.load(str(Path(path).absolute()) if path is not None else None)


def load_section(root: Node, file: str) -> Loaded:
    """Load and check a configuration that is part of another file: ``root`` is its mapping, ``file`` what messages
    name and where relative paths start.
    """
    return _Loader(Reading(Disk()), None).load_node(root, file)


def dump(config: Config) -> str:
    """The effective configuration, defaults included, as canonical JSON: sorted keys, no blanks; digests of secrets."""
    # Dicts may be keyed by enums, which the encoder cannot sort.
    plain = msgspec.to_builtins(config, str_keys=True, enc_hook=_told)
    return msgspec.json.encode(plain, order="sorted").decode()


def _told(value: Any) -> Any:
    if isinstance(value, Octets):
        return str.__str__(value)
    if not isinstance(value, Secret):
        raise NotImplementedError(f"{type(value)} in the configuration")
    return value.reference or hashlib.sha256(value.text.encode()).hexdigest()


class _Loader:
    def __init__(self, files: Reading, kept: Kept | None, profile: str = "") -> None:
        self._profile = profile
        self._files = files
        self._kept = kept
        self._problems: list[Problem] = []
        self._file = EMBEDDED
        self._broken: set[str] = set()
        self._modules: dict[str, Source] = {}

    def load(self, path: str | None) -> Loaded:
        root: Node | None = Mapping((), 0, 0)
        if path is not None:
            self._file = path
            root = self._read(path, Problem(path, 0, 0, "", "give the path of a configuration with --config"))
        if root is None:
            if not self._problems:  # an empty file is a valid configuration
                root = Mapping((), 1, 1)
            else:
                return Loaded(None, self._told(), file=self._file)
        return self.load_node(root, self._file)

    def load_node(self, root: Node, file: str) -> Loaded:
        """What the mapping ``root``, read from ``file``, says."""
        self._file = file
        root = with_profile(root, self._profile)
        config = self._bind(root)
        if config is None:
            return Loaded(None, self._told(), file=self._file, texts=dict(self._files.texts))
        rule_files = self._rules(config, root)
        source = Source(self._file, root)
        self._problems += cross_check(config, source, frozenset(self._broken), self._modules)
        objectives: tuple[RuleFile, ...] = ()
        if config.slo and not any(problem.severity is Severity.ERROR for problem in self._problems):
            objectives = (_objectives(config, source),)
        digest = hashlib.sha256(dump(config).encode())
        for name, text_digest in rule_files.digests:
            digest.update(f"\n{Path(name).name} {text_digest}".encode())
        counting = self._problems if self._kept is not None else [*self._problems, *rule_files.problems]
        failed = any(problem.severity is Severity.ERROR for problem in counting)
        self._problems += rule_files.problems
        return Loaded(
            None if failed else config,
            self._told(),
            (*rule_files.rules, *objectives),
            "" if failed else digest.hexdigest(),
            self._file,
            rule_files.texts,
            tuple(rule_files.refused),
            self._profile,
        )

    def _read(self, path: str, at: Problem, *, binary: bool = False) -> Node | None:
        """The nodes of a file; a file that cannot be read is a problem at the place that names it."""
        try:
            content = self._files.read(path)
        except FilesError as error:
            self._problems.append(Problem(at.file, at.line, at.column, str(error), at.hint, "config/file"))
            return None
        root, problems = read_yaml(content, path, binary=binary)
        self._problems += problems
        misread = [p for p in problems if p.severity is Severity.ERROR and p.check not in _READABLE]
        return None if misread else root

    def _bind(self, root: Node) -> Config | None:
        """Section by section, so that a broken one hides no mistake of another.

        A broken section keeps its default, and those of its collectors or integrations that have no mistake themselves.
        """
        options: dict[str, Any] = {}
        backends: dict[str, Backend] = {}
        top = Binder(
            self._file,
            {
                CollectorChoice: partial(bind_collectors, good=options),
                Backend: partial(bind_backend, good=backends),
                Catalogue: self._catalogue,
                Targets: partial(
                    bind_targets, read=self._modules_file, folder=self._profile_files, warn=self._problems.extend
                ),
                Secret: bind_secret,
                Unsupported: refuse_unsupported,
            },
        )
        sections: dict[str, Any] = {}
        if not isinstance(root, Mapping):
            top.problem(root, "the configuration must be a mapping", "begin with a section such as 'collect:'")
        else:
            for key, value in _written_in(root).items:
                single = Mapping(((key, value),), root.line, root.column)
                before = len(top.problems)
                try:
                    bound = top.struct(single, Config, "")
                except EnoughError:
                    self._broken.update(Config.__struct_fields__)
                    break
                if len(top.problems) == before and bound is not INVALID:
                    sections[key.value] = getattr(bound, key.value)
                else:
                    self._broken.add(key.value)
        if "collect" in self._broken:
            sections["collect"] = Collect(host=without_mistakes(options))
        if "integrations" in self._broken:
            sections["integrations"] = backends
        said = {(p.file, p.line, p.column) for p in self._problems}
        self._problems += [p for p in top.problems if (p.file, p.line, p.column) not in said]
        if not isinstance(root, Mapping):
            return None
        return _complete(sections, self._broken)

    def _catalogue(self, binder: Binder, node: Node, name: str) -> Any:
        """A mapping here, or the path of a file that holds one."""
        if not isinstance(node, Scalar) or node.is_null:
            here = binder.struct(node, Catalogue, name)
            if here is not INVALID:
                binder.problems += check_catalogue(here, Source(self._file, node))
            return here
        before = len(self._problems)
        root = self._read(
            self._absolute(node.value), Problem(self._file, node.line, node.column, "", "correct the path")
        )
        if len(self._problems) > before:
            self._broken.add(name)
        if root is None:
            return Catalogue()
        other = Binder(self._absolute(node.value), {})
        bound: Any = INVALID
        with contextlib.suppress(EnoughError):
            bound = other.struct(root, Catalogue, "")
        self._problems += other.problems
        if bound is INVALID:
            self._broken.add(name)
            return Catalogue()
        self._problems += check_catalogue(bound, Source(other.file, root))
        return bound

    def _modules_file(self, node: Scalar) -> Source | None:
        """The file that holds the modules of a kind of targets; None when it cannot be used, which is said."""
        path = self._absolute(node.value)
        before = len(self._problems)
        root = self._read(path, Problem(self._file, node.line, node.column, "", "correct the path"), binary=True)
        if len(self._problems) > before:
            self._broken.add("collect")
            return None
        self._modules[node.value] = source = Source(path, root or Mapping((), 1, 1))
        return source

    def _profile_files(self, node: Scalar) -> dict[str, Source] | None:
        """The files of a folder of profiles by name; None when one cannot be used, or none is there, which is said."""
        before = len(self._problems)
        folder = self._absolute(node.value)
        found: dict[str, Source] = {}
        for path in self._files.glob(f"{glob.escape(folder)}/*.yml"):
            root = self._read(path, Problem(self._file, node.line, node.column, "", ""))
            name = Path(path).stem
            found[name] = self._modules[f"{node.value}/{name}"] = Source(path, root or Mapping((), 1, 1))
        if not found:
            hint = "put profiles there, each as NAME.yml, or take 'profiles' out"
            text = f"there is no *.yml in {folder}"
            self._problems.append(Problem(self._file, node.line, node.column, text, hint, "config/file"))
        if len(self._problems) > before:
            self._broken.add("collect")
            return None
        return found

    def _absolute(self, path: str) -> str:
        return str(Path(self._file).parent / path) if self._file != EMBEDDED else str(Path(path).absolute())

    def _rules(self, config: Config, root: Node) -> RuleFiles:
        """Packs and files, each once. What the configuration itself gets wrong about them is a mistake in it."""
        section = root.get("rules") if isinstance(root, Mapping) else None
        found = RuleFiles(self._kept, dict(self._files.texts))
        seen: set[str] = set()
        for node, name in _written(section, "packs", config.rules.packs):
            try:
                file, content = packs.read(name)
            except KeyError:
                hint = did_you_mean(name, packs.available())
                self._at(node, f"there is no rule pack {quoted(name)}", hint, "config/pack")
            except FilesError as error:
                self._at(node, str(error), "", "config/pack")
            else:
                if file not in seen:
                    found.take(file, content)
                seen.add(file)
        for node, pattern in _written(section, "files", config.rules.files):
            path = self._absolute(pattern)
            paths = self._files.glob(path) if _GLOB & set(path) else [path]
            for each in paths:
                if each not in seen:
                    self._rule_file(found, each, node, named=each == path)
                seen.add(each)
        return found

    def _rule_file(self, found: RuleFiles, path: str, node: Node | None, *, named: bool) -> None:
        """A file that cannot be read is at fault itself when a glob found it; a named one may be the wrong name."""
        try:
            content = found.texts[path] = self._files.read(path)
        except FilesError as error:
            problem = self._problem(node, str(error), "correct the path, or write a glob", "config/file")
            if named or self._kept is None:
                self._problems.append(problem)
            else:
                found.problems.append(problem)
                found.refuse(path, problem)
        else:
            found.take(path, content)

    def _told(self) -> tuple[Problem, ...]:
        """All problems in order; of very many the first, errors before warnings, and how many are left."""
        problems = sorted(set(self._problems))
        if len(problems) <= MAX_MISTAKES:
            return tuple(problems)
        first = sorted(problems, key=lambda problem: problem.severity is not Severity.ERROR)[:MAX_MISTAKES]
        rest = f"{len(problems) - MAX_MISTAKES} more are not shown"
        return (*sorted(first), Problem(self._file, 0, 0, rest, "mend these first", "config/many"))

    def _at(self, node: Node | None, message: str, hint: str, check: str) -> None:
        self._problems.append(self._problem(node, message, hint, check))

    def _problem(self, node: Node | None, message: str, hint: str, check: str) -> Problem:
        line, column = (node.line, node.column) if node is not None else (0, 0)
        return Problem(self._file, line, column, message, hint, check)


def _objectives(config: Config, source: Source) -> RuleFile:
    """The rules of the section ``slo``; to people they stand where the objective does."""
    from agent.config.slo_rules import slo_file  # noqa: PLC0415 - only who has objectives needs it

    return slo_file(config.slo, config.collect.interval, source.file, lambda n: locate(source.root, ("slo", n)))


def _written(section: Node | None, key: str, values: tuple[str, ...]) -> list[tuple[Node | None, str]]:
    """Each value with the node it was written as, or None when it is a default."""
    node = section.get(key) if isinstance(section, Mapping) else None
    items: tuple[Node | None, ...] = getattr(node, "items", ())
    if len(items) != len(values):
        items = (None,) * len(values)
    return list(zip(items, values, strict=True))


def _written_in(root: Mapping) -> Mapping:
    """The file with what stands for "left out" written in: every collector of the host, and the embedded desk."""
    line, column = root.line, root.column
    collect = root.get("collect")
    if collect is None or _is_empty(collect):
        collect = Mapping((), line, column)
    if isinstance(collect, Mapping) and collect.get("host") is None:
        collect = Mapping((*collect.items, _entry("host", Mapping((), line, column))), collect.line, collect.column)
    items = [entry for entry in root.items if entry[0].value != "collect"]
    items.append(_entry("collect", collect))
    backends = root.get("integrations")
    if backends is None or _is_empty(backends):
        items = [entry for entry in items if entry[0].value != "integrations"]
        desk = Mapping((_entry("type", Scalar("desk", line, column)), *_desk_address(root)), line, column)
        items.append(_entry("integrations", Mapping((_entry("desk", desk),), line, column)))
    return Mapping(tuple(items), line, column)


def _desk_address(root: Mapping) -> tuple[tuple[Scalar, Node], ...]:
    """Links of the embedded desk lead to our own listener, wherever that was put."""
    listen = root.get("listen")
    address = listen.get("address") if isinstance(listen, Mapping) else None
    if not isinstance(address, Scalar) or not re.fullmatch(LISTEN_ADDRESS, address.value) or address.value == "off":
        return ()
    return (_entry("url_base", Scalar(f"http://{address.value}", address.line, address.column)),)


def _is_empty(node: Node) -> bool:
    return (isinstance(node, Scalar) and node.is_null) or (isinstance(node, Mapping) and not node.items)


def _entry(key: str, value: Node) -> tuple[Scalar, Node]:
    return Scalar(key, value.line, value.column), value


def _complete(sections: dict[str, Any], broken: set[str]) -> Config:
    """What follows from other sections when it is left out: a receiver per integration, and the only receiver."""
    config = Config(**sections)
    if not config.receivers and not broken & {"receivers", "integrations"}:
        receivers = tuple(Receiver(name=name, integration=name) for name in config.integrations)
        config = replace(config, receivers=receivers)
    names = {receiver.name for receiver in config.receivers}
    if config.route.receiver is None and len(names) == 1:
        config = replace(config, route=replace(config.route, receiver=names.pop()))
    return config
