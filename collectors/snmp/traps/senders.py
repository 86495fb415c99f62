"""Who sent a notification: the target with that address, or with that engine id where the sender proved to be it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address

import msgspec

from collectors._model import Labels

JOB = "snmp"
OTHERS = "other"
"""The instance of senders that are no targets and for which there is no room."""
_MOST_ENGINES = 20_000


class Watched(msgspec.Struct, frozen=True):
    """A target of the poller: its name there, the hosts its traps come from (addresses or names), and the labels of its
    series.
    """

    name: str
    hosts: tuple[str, ...]
    labels: Labels


class Sender(msgspec.Struct, frozen=True):
    """Whose series an event belongs to; ``name`` is that of the target, and empty for a stranger."""

    labels: Labels
    name: str = ""


Resolve = Callable[[str], Sequence[str]]
"""The addresses of a host name, or none."""


class Senders:
    """The targets by address. Two things outlive this object: ``engines``, whose engine ids were proved, by name of the
    target, and ``found``, the addresses that names led to.

    Where several targets share an address, as one device with several contexts does, the first stands for all.
    """

    def __init__(self, watched: Iterable[Watched], engines: dict[bytes, str], found: dict[str, Sequence[str]]) -> None:
        self._engines = engines
        self._found = found
        self._by_name: dict[str, Sender] = {}
        self._by_address: dict[str, Sender] = {}
        self._names: list[tuple[str, Sender]] = []
        for target in watched:
            sender = self._by_name[target.name] = Sender(target.labels, target.name)
            for host in target.hosts:
                if _is_address(host):
                    self._by_address.setdefault(canonical(host), sender)
                else:
                    self._names.append((host, sender))
        self._given = dict(self._by_address)
        self.resolved({})

    @property
    def host_names(self) -> tuple[str, ...]:
        """Hosts whose addresses have to be looked up."""
        return tuple({host for host, _ in self._names})

    def resolved(self, addresses: Mapping[str, Sequence[str]]) -> None:
        """Take what the look-up of ``host_names`` gave. A name that is not in it keeps what it had."""
        self._found.update(addresses)
        held = dict(self._given)
        for host, sender in self._names:
            for address in self._found.get(host, ()):
                held.setdefault(canonical(address), sender)
        self._by_address = held

    def at(self, address: str) -> Sender | None:
        """The target at an address, in the form of ``canonical``."""
        return self._by_address.get(address)

    def proved(self, address: str, engine_id: bytes, agent: str) -> Sender | None:
        """The target of an authentic message: whom it names as its agent, who is there, or whose engine it is.

        An engine that answers polls or was heard at a target's address is that target's wherever it sends from.
        ``engine_id`` is empty where the message is no proof of one.
        """
        about = self._by_address.get(canonical(agent)) if agent else None
        if about is not None:
            return about
        sender = self._by_address.get(address)
        if sender is None:
            return self._by_name.get(self._engines.get(engine_id, ""))
        if engine_id and (engine_id in self._engines or len(self._engines) < _MOST_ENGINES):
            self._engines[engine_id] = sender.name
        return sender


def stranger(address: str) -> Sender:
    """A sender that is no target."""
    return Sender((("instance", address), ("job", JOB)))


def canonical(address: str) -> str:
    """One spelling for an address: IPv4 that came through an IPv6 socket as IPv4, IPv6 in its shortest form."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
