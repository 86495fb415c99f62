"""What a profile file can say: which objects of a device are read, how often, and what becomes of them.

A profile is data. Every object has the fields that snmp_exporter's ``snmp.yml`` has for it and gives the same
metrics; beside them stand a few that the exporter lacks: how often, which rows do not count, what 32-bit counter serves
where the 64-bit one is missing. An OID is written as dotted numbers without a dot in front; that of a scalar ends in
``.0``, that of a column is the column's own, without index.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta, Struct, field

_ARC = r"(0|[1-9][0-9]{0,8}|[1-3][0-9]{9}|4[01][0-9]{8}|42[0-8][0-9]{7}|429[0-3][0-9]{6}|4294[0-8][0-9]{5}|" \
       r"42949[0-5][0-9]{4}|429496[0-6][0-9]{3}|4294967[01][0-9]{2}|42949672[0-8][0-9]|429496729[0-5])"  # fmt: skip
"""A number of an OID: below 2^32 (RFC 2578, 3.5), without zeros in front."""
Oid = Annotated[
    str,
    Meta(
        pattern=rf"^([01]\.[1-3]?[0-9]|2\.{_ARC})(\.{_ARC}){{0,126}}\Z",
        max_length=500,
        extra={"form": "an OID as dotted numbers without a dot in front, such as 1.3.6.1.2.1.1.3.0"},
    ),
]
Name = Annotated[str, Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,199}\Z", extra={"form": "letters, digits and _"})]
Suffix = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_]{0,100}\Z", extra={"form": "letters, digits and _"})]
Enumeration = Annotated[dict[int, Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=1_000)]
"""The text of each number (of each bit, counted from the most significant one of the first byte)."""
Text = Annotated[str, Meta(max_length=2_000)]


class Every(Enum):
    """How often something is read. ``liveness`` is the one small request that says whether the device is there, for
    scalars only. Labels have no such time: they are read after a reboot, when ``changes`` moves, and now and then.
    """

    LIVENESS = "liveness"
    FAST = "fast"
    SLOW = "slow"


class Syntax(Enum):
    """How a value or an index is to be read: the types of snmp_exporter."""

    GAUGE = "gauge"
    COUNTER = "counter"
    FLOAT = "Float"
    DOUBLE = "Double"
    DATE_AND_TIME = "DateAndTime"
    PARSE_DATE_AND_TIME = "ParseDateAndTime"
    NTP_TIME_STAMP = "NTPTimeStamp"
    DISPLAY_STRING = "DisplayString"
    OCTET_STRING = "OctetString"
    PHYS_ADDRESS_48 = "PhysAddress48"
    INET_ADDRESS_IPV4 = "InetAddressIPv4"
    INET_ADDRESS_IPV6 = "InetAddressIPv6"
    INET_ADDRESS = "InetAddress"
    """Type and length stand before it in an index; as a column, the column before it says the type."""
    INET_ADDRESS_MISSING_SIZE = "InetAddressMissingSize"
    """As ``InetAddress``, without the length."""
    LLDP_PORT_ID = "LldpPortId"
    """The column before it says what it is (LLDP-MIB ``LldpPortIdSubtype``)."""
    OBJECT_IDENTIFIER = "OID"
    """An OID; in an index its length stands before it, unless it is implied."""


class Form(Enum):
    """What an enumeration becomes."""

    RAW = "raw"
    """The number."""
    INFO = "info"
    """``NAME_info{NAME="text"} 1``"""
    STATESET = "stateset"
    """One series for each text, 1 for the one that holds."""
    BITS = "bits"
    """One series for each named bit of a BITS value, 1 where it is set."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts of a profile have in common."""


class Index(Part, frozen=True):
    """One part of a table's index, in the order of the MIB. It becomes a label, unless it is dropped.

    ``size``: bytes of a string whose length the MIB fixes. ``implied``: a string that takes all that is left.
    """

    label: Name
    type: Syntax = Syntax.GAUGE
    size: Annotated[int, Meta(ge=0, le=128)] = 0
    implied: bool = False
    enum: Enumeration = field(default_factory=dict)
    drop: bool = False


class Lookup(Part, frozen=True):
    """A label out of another column. What the device does not have there is an empty label.

    ``indexes``: labels whose parts of the index are the column's own index, where it is not the whole one. A label of a
    lookup before this one stands for the number that was found there. ``drop``: only for such a chain, not published.
    """

    label: Name
    oid: Oid
    type: Syntax = Syntax.DISPLAY_STRING
    indexes: tuple[Name, ...] = ()
    enum: Enumeration = field(default_factory=dict)
    display_hint: Annotated[str, Meta(max_length=255)] = ""
    drop: bool = False


class Extract(Part, frozen=True):
    """A number out of text: ``value`` (``$1`` where it is not given) of the first of several patterns that matches."""

    regex: Annotated[str, Meta(min_length=1, max_length=1_000)]
    value: str = "$1"


class Instead(Part, frozen=True):
    """The counter of fewer bits that is read, under its own name, where a device lacks the wide one."""

    name: Name
    oid: Oid
    bits: Annotated[int, Meta(ge=32, le=64)] = 32
    help: Text = ""


class Only(Part, frozen=True):
    """The rows that count: those where another column of the same index has one of ``values``."""

    oid: Oid
    values: Annotated[tuple[int, ...], Meta(min_length=1)]


class Sensor(Part, frozen=True):
    """Columns of the same index that say what a reading means (RFC 3433): the metric is the real value, in units.

    real = value x 10^(3 x (scale - 9)) / 10^precision
    """

    scale: Oid
    precision: Oid


class Saturates(Part, frozen=True):
    """Another column, times ``scale``, stands in for the value ``at``, which means no more than "at least that"."""

    at: int
    oid: Oid
    scale: float = 1.0


class Object(Part, frozen=True):
    """An object that becomes a metric of its own name.

    Of a string the metric is 1 and the string a label of the object's name. ``scale`` and ``offset``: value x scale +
    offset. ``ignore_values``: numbers that mean "not there" (as the device sends them). ``unsigned``: below zero is
    wrapped, 2^32 is added. ``bits``: width of a counter. ``speed``: name of the table's column in Mbit/s that bounds a
    counter, ``bits_each`` what one count is on the wire at the least. ``every``: of a column, other than its table.
    """

    name: Name
    oid: Oid
    type: Syntax = Syntax.GAUGE
    help: Text = ""
    every: Every | None = None
    enum: Enumeration = field(default_factory=dict)
    as_: Form = field(default=Form.RAW, name="as")
    scale: float = 1.0
    offset: float = 0.0
    unsigned: bool = False
    ignore_values: tuple[int, ...] = ()
    datetime_pattern: Annotated[str, Meta(max_length=200)] = ""
    display_hint: Annotated[str, Meta(max_length=255)] = ""
    regex_extracts: dict[Suffix, tuple[Extract, ...]] = field(default_factory=dict)
    bits: Annotated[int, Meta(ge=32, le=64)] = 64
    instead: Instead | None = None
    speed: str = ""
    bits_each: Annotated[int, Meta(ge=1)] = 8
    only: Only | None = None
    sensor: Sensor | None = None
    saturates: Saturates | None = None


class Table(Part, frozen=True):
    """Columns over one index. ``changes``: a scalar that moves when rows come, go or are named anew. ``discontinuity``:
    a column with the sysUpTime of the last time the row's counters were not continuous.
    """

    name: Name
    indexes: Annotated[tuple[Index, ...], Meta(min_length=1, max_length=16)]
    columns: Annotated[tuple[Object, ...], Meta(min_length=1, max_length=500)]
    every: Every = Every.FAST
    lookups: Annotated[tuple[Lookup, ...], Meta(max_length=32)] = ()
    changes: Oid | None = None
    discontinuity: Oid | None = None
    only: Only | None = None


class Instance(Part, frozen=True):
    """Labels out of the index of a variable of a notification: the column it is of, and the parts of its index."""

    oid: Oid
    indexes: Annotated[tuple[Index, ...], Meta(min_length=1, max_length=16)]


class Trap(Part, frozen=True):
    """A notification by its OID (of a v1 trap: the one RFC 3584 makes of it), and which of its variables are labels.

    ``clears``: it says that something is well again, which is believed only of a sender who proves who they are.
    """

    oid: Oid
    name: Name
    labels: tuple[Lookup, ...] = ()
    instance: Instance | None = None
    clears: bool = False
    help: Text = ""


class Match(Part, frozen=True):
    """Which devices a profile is for: all of what is given must hold.

    ``sys_object_id``: the device's begins with one of these. ``answers``: there is something at or below one of these.
    ``always``: every device.
    """

    sys_object_id: tuple[Oid, ...] = ()
    answers: tuple[Oid, ...] = ()
    always: bool = False


class Profile(Part, frozen=True):
    """A whole file; its name is that of the file. ``about``: what it is for, by language. ``with``: names of profiles
    that come along.
    """

    about: dict[str, Text] = field(default_factory=dict)
    match: Match = Match()
    with_: tuple[str, ...] = field(default=(), name="with")
    scalars: Annotated[tuple[Object, ...], Meta(max_length=1_000)] = ()
    tables: Annotated[tuple[Table, ...], Meta(max_length=200)] = ()
    traps: Annotated[tuple[Trap, ...], Meta(max_length=1_000)] = ()
