"""Which devices there are in some networks: asked one by one, at a bounded rate, with configured credentials alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from collectors._devices import CannotAskError, DiscoveredDevice, Neighbour
from collectors._options import Reveal
from collectors.snmp import credentials, engines, load, reach, select
from collectors.snmp.credentials import Community, Credential, User
from collectors.snmp.engines import Choice
from collectors.snmp.errors import Fault, SnmpError
from collectors.snmp.examine import HC_IN, IF_ENTRY, SYS_NAME
from collectors.snmp.neighbours import addresses_v6, neighbours
from collectors.snmp.options import Options
from collectors.snmp.pace import Paced, Pacer
from collectors.snmp.port import Address, Session
from collectors.snmp.reboot import SYS_OBJECT_ID, UPTIME
from collectors.snmp.select import Profiles
from collectors.snmp.syntaxes import display
from collectors.snmp.walker import Memory, Walker

SYS_DESCR, IF_NUMBER = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.2.1.0"
_AT_ONCE = 256
_V3_PACKETS = 3
"""Engine, time, request."""
Network = IPv4Network | IPv6Network
Open = Callable[[Address, Credential, float], Session]


class Plan(msgspec.Struct, frozen=True):
    """What is to be asked. ``rate`` is packets a second, ``timeout`` seconds for one request."""

    networks: tuple[Network, ...]
    names: tuple[str, ...]
    """Of credentials, in the order in which they are tried."""
    rate: float
    port: int = 161
    timeout: float = 1.0
    retries: int = 1

    @property
    def addresses(self) -> int:
        """How many are asked one by one; those of IPv6 are too many for that."""
        return sum(_hosts(network) for network in self.networks if isinstance(network, IPv4Network))


def plan(options: Options, networks: Sequence[str], names: Sequence[str], rate: float, port: int) -> Plan:
    """Checked; CannotAskError says what is wrong."""
    found: list[Network] = []
    for text in networks:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            raise CannotAskError(f"{text[:100]!a} is no network; write it like 10.0.0.0/24") from None
    known = ", ".join(sorted(options.credentials)) or "none: add one to collect.snmp.credentials"
    for name in names:
        if name not in options.credentials:
            raise CannotAskError(f"there is no credential {name[:100]!a}; there are {known}")
    if not names and len(options.credentials) != 1:
        raise CannotAskError(f"name the credentials that may be tried, with --credential; there are {known}")
    return Plan(tuple(found), tuple(names or options.credentials), rate, port)


async def discover(
    options: Options, wanted: Plan, reveal: Reveal, asked: Callable[[], None] = lambda: None, open_: Open | None = None
) -> AsyncIterator[DiscoveredDevice]:
    """Devices as they are found; ``asked`` is told of each address that is done with."""
    try:
        known = {name: credentials.resolve(options.credentials[name], reveal) for name in wanted.names}
    except Exception as error:  # noqa: BLE001 - the agent's own errors, whose text is made for people
        raise CannotAskError(str(error)) from None
    search = _Search(options, wanted, known, open_ or _open(options.engine))
    waiting: set[asyncio.Task[DiscoveredDevice | None]] = set()
    todo = search.addresses()
    try:
        while True:
            while len(waiting) < _AT_ONCE and (address := next(todo, "")):
                waiting.add(asyncio.create_task(search.look(address)))
            if not waiting:
                todo = iter(search.heard_of())
                if not (address := next(todo, "")):
                    return
                waiting.add(asyncio.create_task(search.look(address)))
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                asked()
                if (found := task.result()) is not None:
                    yield found
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


class _Search:
    def __init__(self, options: Options, wanted: Plan, known: Mapping[str, Credential], open_: Open) -> None:
        self._plan = wanted
        self._known = known
        self._open = open_
        self._pacer = Pacer(wanted.rate)
        self._profiles: Profiles = {**load.all_shipped(), **options.profiles}
        self._configured = {target.host: target.key for target in options.targets}
        self._v6 = tuple(network for network in wanted.networks if isinstance(network, IPv6Network))
        self._looked_at: set[str] = set()
        self._heard: dict[str, None] = {}

    def addresses(self) -> Iterator[str]:
        """Every address of the IPv4 networks, and of an IPv6 one the configured targets that are in it."""
        for network in self._plan.networks:
            if isinstance(network, IPv4Network):
                for address in network.hosts():
                    if str(address) not in self._looked_at:
                        yield str(address)
        yield from (host for host in self._configured if self._in_v6(host))

    def heard_of(self) -> list[str]:
        """Addresses of the IPv6 networks that a device found has told of, and that have not been asked yet."""
        fresh = [address for address in self._heard if address not in self._looked_at]
        self._heard.clear()
        return fresh

    async def look(self, address: str) -> DiscoveredDevice | None:
        self._looked_at.add(address)
        at = Address(address, self._plan.port)
        for name, credential in self._known.items():
            packets = _V3_PACKETS if isinstance(credential, User) else 1
            session = Paced(self._open(at, credential, self._plan.timeout), self._pacer, packets)
            walker = Walker(session, Memory(), asyncio.get_running_loop().time, retries=self._plan.retries)
            try:
                return await self._described(at, name, session, walker)
            except SnmpError as error:
                if error.fault in (Fault.PORT, Fault.ROUTE):
                    return None
                if error.fault not in (Fault.SILENCE, Fault.OTHER) and len(self._known) == 1:
                    return DiscoveredDevice(address, problem=str(error), configured=self._configured.get(address, ""))
            finally:
                session.close()
        engine = await self._engine(at)
        if not engine:
            return None
        problem = "an agent, but none of the credentials is taken"
        return DiscoveredDevice(
            address, engine_id=engine, problem=problem, configured=self._configured.get(address, "")
        )

    async def _described(self, at: Address, name: str, session: Paced, walker: Walker) -> DiscoveredDevice:
        """All about a device that has answered; what it refuses is left out, and said."""
        values = await walker.get((UPTIME, SYS_NAME, SYS_DESCR, SYS_OBJECT_ID, IF_NUMBER))
        credential = self._known[name]
        text = {oid: display(value) for oid, value in values.items() if isinstance(value, bytes)}
        number, object_id = values.get(IF_NUMBER), str(values.get(SYS_OBJECT_ID, ""))
        profiles: tuple[str, ...] = ()
        lines: list[Neighbour] = []
        wide, problem = None, ""
        try:
            questions = select.questions(self._profiles, object_id)
            answered = {oid for oid in questions if await _has(session, oid) or oid in await walker.get((oid,))}
            profiles = select.automatic(self._profiles, object_id, answered).names
            wide = await _has(session, HC_IN) if await _has(session, IF_ENTRY) else None
            lines = await neighbours(walker)
            if self._v6:
                told = {address for line in lines for address in line.addresses} | await addresses_v6(walker)
                self._heard.update(dict.fromkeys(sorted(filter(self._in_v6, told))))
        except SnmpError as error:
            problem = str(error)
        engine = session.engine.id.hex() if session.engine is not None else await self._engine(at)
        return DiscoveredDevice(
            at.host,
            name,
            {1: "1", 2: "2c"}[credential.version] if isinstance(credential, Community) else "3",
            text.get(SYS_NAME, ""),
            text.get(SYS_DESCR, ""),
            object_id,
            profiles,
            number if isinstance(number, int) else None,
            wide,
            engine,
            tuple(lines),
            self._configured.get(at.host, ""),
            problem,
        )

    async def _engine(self, at: Address) -> str:
        await self._pacer.turn()
        try:
            engine = await reach.engine_of(at, self._plan.timeout)
        except OSError:
            return ""
        return engine.id.hex() if engine is not None else ""

    def _in_v6(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._v6)


def _open(choice: Choice) -> Open:
    return lambda address, credential, timeout: engines.open_session(address, credential, timeout, choice)


def _hosts(network: IPv4Network) -> int:
    return network.num_addresses - (2 if network.prefixlen < 31 else 0)


async def _has(session: Session, root: str) -> bool:
    rows = await session.after(root, 1)
    return any(oid.startswith(root + ".") for oid, _ in rows)
