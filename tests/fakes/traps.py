"""Datagrams of all versions for the tests of traps, and a receiver without a socket to give them to.

The crypto of what is sealed here is the product's own; that it is right is for net-snmp to say (test_traps_real.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from fakes import ber

from collectors.snmp.credentials import Auth, Priv, User
from collectors.snmp.load import all_shipped
from collectors.snmp.profile import Trap
from collectors.snmp.traps import keys
from collectors.snmp.traps.counts import Drop
from collectors.snmp.traps.engine import OwnEngine, Peers
from collectors.snmp.traps.limits import Limits
from collectors.snmp.traps.meaning import Meanings
from collectors.snmp.traps.message import Secured, read_message
from collectors.snmp.traps.polls import Polls
from collectors.snmp.traps.receiver import Memory, Receiver
from collectors.snmp.traps.senders import Senders, Watched
from collectors.snmp.traps.usm import Usm

COLD_START, LINK_DOWN, LINK_UP = (f"1.3.6.1.6.3.1.1.5.{number}" for number in (1, 3, 4))
IF_INDEX = "1.3.6.1.2.1.2.2.1.1"
UPTIME, TRAP_OID = "1.3.6.1.2.1.1.3.0", "1.3.6.1.6.3.1.1.4.1.0"
COMMUNITY = b"public"
SWITCH, ROUTER, FOREIGN = "192.0.2.1", "192.0.2.2", "198.51.100.9"
OWN_ID = b"\x80\x00\x7e\xd9\x05ourselves"
THEIR_ID = b"\x80\x00\x1f\x88\x80their engine"
USER = User("tocsin", Auth.SHA256, "authentication", Priv.AES128, "and privacy")
AUTH_ONLY = User("half", Auth.SHA, "authentication")
OPEN = User("open")


KNOWN = tuple(trap for profile in all_shipped().values() for trap in profile.traps)
_keys_of = cache(keys.UserKeys)  # a password takes milliseconds to become a key


def variable(oid: str, value: bytes) -> bytes:
    return ber.sequence(ber.object_id(oid), value)


def link(index: int = 3) -> tuple[bytes, ...]:
    return (variable(f"{IF_INDEX}.{index}", ber.integer(index)),)


def pdu(trap: str = LINK_DOWN, variables: Iterable[bytes] = (), *, request_id: int = 7, tag: int = ber.TRAP) -> bytes:
    first = variable(UPTIME, ber.time_ticks(500)), variable(TRAP_OID, ber.object_id(trap))
    held = ber.sequence(*first, *variables)
    return ber.sequence(ber.integer(request_id), ber.integer(0), ber.integer(0), held, tag=tag)


def v2c(content: bytes | None = None, community: bytes = COMMUNITY) -> bytes:
    return ber.sequence(ber.integer(1), ber.octets(community), pdu(LINK_DOWN, link()) if content is None else content)


def v1(enterprise: str, generic: int, specific: int = 0, variables: Sequence[bytes] = (), agent: str = SWITCH) -> bytes:
    content = ber.sequence(
        ber.object_id(enterprise), ber.ip_address(agent), ber.integer(generic), ber.integer(specific),
        ber.time_ticks(500), ber.sequence(*variables), tag=ber.TRAP_V1,
    )  # fmt: skip
    return ber.sequence(ber.integer(0), ber.octets(COMMUNITY), content)


def v3(
    content: bytes | None = None, user: User = USER, *, engine: bytes = THEIR_ID, boots: int = 5, time: int = 1_000,
    id: int = 1, reportable: bool = False, flags: int | None = None,
) -> bytes:  # fmt: skip
    """A message as a device with that user makes it; ``flags`` claims another level than the user's."""
    held = _keys_of(user)
    data = ber.sequence(ber.octets(engine), ber.octets(b""), pdu(LINK_DOWN, link()) if content is None else content)
    salt, size = b"", 0 if user.auth is None else keys.HASHES[user.auth][1]
    if user.priv is not None:
        salt = b"saltsalt"
        data = ber.octets(keys.encrypt(data, held.privacy(engine), user.priv, keys.Start(boots, time, salt)))
    level = (1 if user.auth else 0) | (2 if user.priv else 0) if flags is None else flags
    head = ber.sequence(
        ber.integer(id), ber.integer(65_507), ber.octets(bytes([level | (4 if reportable else 0)])), ber.integer(3)
    )
    said = ber.sequence(
        ber.octets(engine), ber.integer(boots), ber.integer(time), ber.octets(user.name), ber.octets(bytes(size)),
        ber.octets(salt),
    )  # fmt: skip
    whole = ber.sequence(ber.integer(3), head, ber.octets(said), data)
    if user.auth is None:
        return whole
    made = read_message(whole)
    assert isinstance(made, Secured)
    proof = keys.digest(whole, held.authentication(engine), user.auth)
    return whole[: made.digest_at] + proof + whole[made.digest_at + size :]


def watched(name: str, *hosts: str, **more: str) -> Watched:
    return Watched(name, hosts, tuple(sorted({"instance": name, "job": "snmp", **more}.items())))


TARGETS = watched("switch", SWITCH), watched("router", ROUTER)


class Rig:
    """A receiver with a clock that a test turns."""

    def __init__(
        self, *, users: Sequence[User] = (USER, AUTH_ONLY, OPEN), targets: Sequence[Watched] = TARGETS,
        traps: Sequence[Trap] = (), only_known: bool = False, per_source: int = 1_000_000, total: int = 10_000_000,
        memory: Memory | None = None,
    ) -> None:  # fmt: skip
        self.now = 1_000.0
        self.own = OwnEngine(OWN_ID, 3, 400.0)
        self.peers = Peers({})
        self.memory = memory or Memory()
        self.polls = Polls()
        self.receiver = Receiver(
            self.memory, (COMMUNITY, b"other"), Usm(self.own, users, self.peers),
            Senders(targets, self.memory.engines, self.memory.addresses), Meanings((*traps, *KNOWN)),
            Limits(per_source, total, self.now), self.polls, only_known,
        )  # fmt: skip

    def give(self, data: bytes, address: str = SWITCH) -> bytes | None:
        return self.receiver.receive(data, address, self.now)

    @property
    def taken(self) -> int:
        return sum(self.memory.counts.taken.values())

    @property
    def dropped(self) -> dict[Drop, int]:
        """The reasons for which something was dropped."""
        return {reason: count for reason, count in self.memory.counts.dropped.items() if count}

    def series(self) -> dict[tuple[str, ...], float]:
        """What rules would see after two collections: (metric, instance, trap, security, other labels...)."""
        for _ in range(2):
            samples = list(self.memory.ledger.samples(lambda at: at))
        found = {}
        for sample in samples:
            held = dict(sample.labels)
            assert held.pop("job") == "snmp"
            key = (sample.name, held.pop("instance"), held.pop("trap"), held.pop("security"))
            found[(*key, *(f"{name}={value}" for name, value in held.items()))] = sample.value
        return found
