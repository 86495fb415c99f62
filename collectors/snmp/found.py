"""Discovered devices as a piece of configuration: targets, and who is behind whom."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from collectors._devices import Dependency, DiscoveredDevice
from collectors.snmp.neighbours import short

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:-]+")


def names(devices: Sequence[DiscoveredDevice]) -> dict[str, str]:
    """What each device is called, by address: as its target, else as it calls itself, and no two alike."""
    found: dict[str, str] = {}
    for device in devices:
        own = _NOT_IN_NAMES.sub("-", device.name).strip("-.:_")[:100]
        name = device.configured or own or device.address
        found[device.address] = name if name not in found.values() else f"{name}-{device.address}"[:128]
    return found


def dependencies(devices: Sequence[DiscoveredDevice], root: str = "") -> list[Dependency]:
    """Who is behind whom, as seen from ``root`` (a name or an address; empty: the device with the most neighbours).

    The parents of a device are those of its neighbours that are one step nearer to the root.
    """
    called = names(devices)
    lines = _lines(devices, called)
    if not lines:
        return []
    known = {short(name): name for name in called.values()}
    first = called.get(root) or known.get(short(root)) or max(sorted(lines), key=lambda name: len(lines[name]))
    steps = {first: 0}
    queue = deque([first])
    while queue:
        name = queue.popleft()
        for other in sorted(lines.get(name, ())):
            if other not in steps:
                steps[other] = steps[name] + 1
                queue.append(other)
    return [
        Dependency(name, tuple(sorted(other for other in lines[name] if steps[other] == step - 1)))
        for name, step in sorted(steps.items(), key=lambda pair: (pair[1], pair[0]))
        if step
    ]


def as_yaml(devices: Sequence[DiscoveredDevice], root: str = "", port: int = 161) -> str:
    """To be pasted: ``collect.snmp.targets``, and the dependencies as comments, since nothing reads them yet."""
    return "".join(f"{line}\n" for line in (*_targets(devices, port), *_dependencies(dependencies(devices, root))))


def _targets(devices: Sequence[DiscoveredDevice], port: int) -> Iterator[str]:
    called = names(devices)
    fresh = [each for each in devices if each.credential and not each.configured]
    yield "collect:"
    yield "  snmp:"
    yield "    targets:" + ("" if fresh else " []")
    for each in fresh:
        at = "" if port == 161 else f", port: {port}"
        what = f"  # {', '.join(each.profiles)}" if each.profiles else ""
        yield f"      - {{host: {_quoted(each.address)}{at}, name: {_quoted(called[each.address])}, " \
              f"credential: {_quoted(each.credential)}}}{what}"  # fmt: skip
    for each in devices:
        if each.configured:
            yield f"    # {_quoted(each.configured)} ({each.address}) is there already"
        elif not each.credential:
            yield f"    # {each.address} is an agent that takes none of the credentials"


def _dependencies(found: Sequence[Dependency]) -> Iterator[str]:
    if found:
        yield "# Who is behind whom, from LLDP and CDP. This version does not read it."
        yield "# dependencies:"
        for each in found:
            yield f"#   - {{ci: {_quoted(each.ci)}, parents: [{', '.join(map(_quoted, each.parents))}]}}"


def _lines(devices: Sequence[DiscoveredDevice], called: Mapping[str, str]) -> dict[str, set[str]]:
    """Which of the devices are neighbours, told by either end."""
    by_name = {short(device.name): called[device.address] for device in devices if device.name}
    by_address = {device.address: called[device.address] for device in devices}
    lines: dict[str, set[str]] = {}
    for device in devices:
        own = called[device.address]
        for line in device.neighbours:
            told = (by_address[each] for each in line.addresses if each in by_address)
            other = by_name.get(short(line.name), "") or next(told, "")
            if other and other != own:
                lines.setdefault(own, set()).add(other)
                lines.setdefault(other, set()).add(own)
    return lines


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes, which may hold anything: the escapes of JSON are YAML's too."""
    return msgspec.json.encode(text).decode()
