"""From checked options to targets that can be measured, and everything that can be said about options beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

import msgspec

from collectors._model import Notice, Sample
from collectors._options import OptionPath, OptionProblem, Reveal, Secret
from collectors._targets import Target
from collectors.probes._resolve import Resolver
from collectors.probes._run import STEP, ProbeFailed, Run
from collectors.probes._secrets import Secrets
from collectors.probes._tls import Contexts
from collectors.probes.http_options import SECRET_HEADERS
from collectors.probes.modules import Module, Prober
from collectors.probes.options import Options, TargetOptions
from collectors.probes.ready import READY

KIND = "probe"
_BARE = Module(Prober.HTTP)


class Probing(Protocol):
    """What each prober is."""

    def check_target(self, target: str) -> None: ...

    async def probe(self, target: str, run: Run) -> None: ...


@dataclass(frozen=True, slots=True)
class _Tools:
    """What probers share."""

    resolver: Resolver
    contexts: Contexts
    secrets: Secrets


def _tools(reveal: Reveal, base: Path) -> _Tools:
    secrets = Secrets(reveal, base)
    return _Tools(Resolver(), Contexts(secrets), secrets)


def build(options: Options, reveal: Reveal, base: Path) -> list[Target]:
    """The targets of options that ``check`` found no mistake in. ``base`` is where relative paths of modules begin."""
    tools = _tools(reveal, base)
    modules = _modules(options)
    probers = {name: _prober(module, tools) for name, module in modules.items() if name in options.used}
    return [_target(target, options, modules, probers) for target in options.targets]


def labels(target: TargetOptions) -> frozenset[str]:
    """Names of the labels that every series of a target has beside ``instance`` and ``job``."""
    return frozenset({"module", *target.labels, *(("name",) if target.name else ())})


def check(options: Options, cycle_ms: int) -> Iterator[OptionProblem]:
    """Every mistake; ``cycle_ms`` is the interval of collections, with which results are published."""
    modules = _modules(options)
    tools = _tools(lambda name: name, Path())
    probers: dict[str, Probing] = {}
    used = options.used
    for name, module in modules.items():
        if name not in used and name not in options.modules:
            continue  # a ready module that nobody uses is not even loaded
        try:
            probers[name] = _prober(module, tools)
        except ValueError as error:
            option, _, text = str(error).partition(": ")
            yield OptionProblem(("modules", name, module.prober.value, option), text)
    for name, module in options.modules.items():
        yield from _unverified(name, module)
        for path in written_out(module):
            yield OptionProblem(
                ("modules", name, *path),
                f"module {name!a} has a secret written out in '{'.'.join(map(str, path))}'",
                "write {credential: NAME} and keep the secret out of this file",
                secret=True,
            )
        yield from _of_other_probers(name, module)
    if options.interval < cycle_ms:
        yield OptionProblem(("interval",), *_too_often(options.interval, cycle_ms))
    seen: set[str] = set()
    for number, target in enumerate(options.targets):
        path = ("targets", number)
        if target.key in seen:
            what = f"{target.key[:100]!a} stands twice"
            yield OptionProblem((*path, "name" if target.name else "target"), what, "give each a name of its own")
        seen.add(target.key)
        if target.interval is not None and target.interval < cycle_ms:
            yield OptionProblem((*path, "interval"), *_too_often(target.interval, cycle_ms))
        yield from _about(target, path, modules, probers)


def _about(
    target: TargetOptions, path: OptionPath, modules: Mapping[str, Module], probers: Mapping[str, Probing]
) -> Iterator[OptionProblem]:
    module, what = target.resolved
    if module not in modules:
        known = ", ".join(sorted(modules)[:40])
        yield OptionProblem((*path, "module"), f"there is no module {module[:100]!a}", f"there are {known}")
    elif module in probers:
        try:
            probers[module].check_target(what)
        except ValueError as error:
            key = "target" if target.module else modules[module].prober.value
            yield OptionProblem((*path, key), str(error))


def _unverified(name: str, module: Module) -> Iterator[OptionProblem]:
    for prober in Prober:
        section = getattr(module, prober.value)
        if getattr(getattr(section, "tls_config", None), "insecure_skip_verify", False):
            yield OptionProblem(
                ("modules", name, prober.value, "tls_config", "insecure_skip_verify"),
                f"module {name!a} does not verify certificates: anybody between can answer in the target's place",
                "name the CA with ca_file instead",
                warning=True,
            )


def written_out(value: object, path: OptionPath = ()) -> Iterator[OptionPath]:
    """The ways to all secrets that are written out in options."""
    match value:
        case Secret() if value.text and _is_secret(value, path):
            yield path
        case msgspec.Struct():
            for field in msgspec.structs.fields(value):
                yield from written_out(getattr(value, field.name), (*path, field.encode_name))
        case dict():
            for key, item in value.items():
                yield from written_out(item, (*path, key))
        case tuple():
            for number, item in enumerate(value):
                yield from written_out(item, (*path, number))


def _is_secret(value: Secret, path: OptionPath) -> bool:
    """Headers, parameters and proxies need not be secret; by their names, or by a login, it is seen that they are."""
    match path:
        case (*_, "headers" | "http_headers", str(name)) | (*_, "proxy_connect_header", str(name), _):
            return name.lower() in SECRET_HEADERS
        case (*_, "endpoint_params", str(name)):
            return any(word in name.lower() for word in ("password", "secret", "token", "assertion"))
        case (*_, "proxy_url"):
            return "@" in value.text
    return True


def _of_other_probers(name: str, module: Module) -> Iterator[OptionProblem]:
    """The exporter takes the sections of every prober, and heeds one."""
    for prober in Prober:
        if prober is not module.prober and getattr(module, prober.value) != getattr(_BARE, prober.value):
            yield OptionProblem(
                ("modules", name, prober.value),
                f"module {name!a} has the prober {module.prober.value}, so what stands here does nothing",
                "correct 'prober', or take this out",
                warning=True,
            )


def _too_often(interval: int, cycle_ms: int) -> tuple[str, str]:
    text = f"the interval of {interval / 1000:g} s is shorter than collect.interval ({cycle_ms / 1000:g} s)"
    return text, "results are published with each collection: use at least its interval"


def _modules(options: Options) -> dict[str, Module]:
    return {**READY, **options.modules}


def _prober(module: Module, tools: _Tools) -> Probing:
    """The prober of a module, imported only now; ValueError names the option that is wrong."""
    resolver, contexts = tools.resolver, tools.contexts
    match module.prober:
        case Prober.HTTP:
            from collectors.probes.http import HttpProber  # noqa: PLC0415 - each only where it is used

            return HttpProber(module.http, resolver, contexts, tools.secrets)
        case Prober.TCP:
            from collectors.probes.tcp import TcpProber  # noqa: PLC0415

            return TcpProber(module.tcp, resolver, contexts)
        case Prober.WEBSOCKET:
            from collectors.probes.websocket import WebsocketProber  # noqa: PLC0415

            return WebsocketProber(module.websocket, resolver, contexts, tools.secrets)
        case Prober.UNIX:
            from collectors.probes.tcp import UnixProber  # noqa: PLC0415

            return UnixProber(module.unix, contexts)
        case Prober.ICMP:
            from collectors.probes.icmp import IcmpProber  # noqa: PLC0415

            return IcmpProber(module.icmp, resolver)
        case Prober.GRPC:
            from collectors.probes.grpc import GrpcProber  # noqa: PLC0415

            return GrpcProber(module.grpc, resolver, contexts)
        case Prober.DNS:
            from collectors.probes.dns import DnsProber  # noqa: PLC0415

            if module.dns is None:
                raise ValueError("dns: query_name is missing")
            return DnsProber(module.dns, resolver, contexts)


def _target(
    given: TargetOptions, options: Options, modules: Mapping[str, Module], probers: Mapping[str, Probing]
) -> Target:
    name, what = given.resolved
    interval = (given.interval or options.interval) / 1000
    timeout = min((modules[name].timeout or 120_000) / 1000, interval)
    prober = probers[name]
    labels = {"instance": what, "job": options.job, "module": name, "name": given.name or "", **given.labels}

    async def measure() -> Iterable[Sample | Notice]:
        return await _measured(prober, what, timeout)

    return Target(KIND, given.key, labels, interval, timeout, measure, (Sample("probe_success", (), 0.0),))


async def _measured(prober: Probing, what: str, budget: float) -> list[Sample | Notice]:
    """One probe: its samples, and why it failed when it did."""
    started = monotonic()
    run = Run(started + budget)
    STEP.set("")
    why = ""
    try:
        async with asyncio.timeout(budget):
            await prober.probe(what, run)
    except ProbeFailed as failure:
        why = str(failure)
    except TimeoutError:
        why = f"not done after {budget:g} s, {STEP.get()}".rstrip(", ")
    run.set("probe_success", not why)
    run.set("probe_duration_seconds", monotonic() - started)
    return [*run.samples(), Notice(why)] if why else [*run.samples()]
