"""What ``tocsin doctor`` says of devices: each mistake made for real, in one configuration for one snmpd."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakes import ber
from fakes.snmp_agent import Later, SnmpAgent
from servers.snmpd import Snmpd, free_port
from snmp_kit import AUTH_KEY, PRIV_KEY

from collectors._options import CredentialRef
from collectors.snmp.credentials import Auth, CredentialOptions, Priv
from collectors.snmp.diagnose import Cause
from collectors.snmp.examine import HC_IN, HR_DATE, IF_ENTRY, Verdict, examine_devices
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.reboot import SYS_OBJECT_ID, UPTIME

CONFIG = f"""\
rocommunity whole
view systemonly included .1.3.6.1.2.1.1
rocommunity systemonly default -V systemonly
view nox included .1.3.6.1.2.1.1
view nox included .1.3.6.1.2.1.2
rocommunity nox default -V nox
view noage included .1.3.6.1.2.1.2
rocommunity noage default -V noage
view nothing included .1.3.6.1.4.1.99999
rocommunity nothing default -V nothing
createUser tocsin SHA-256 "{AUTH_KEY}" AES "{PRIV_KEY}"
rouser tocsin priv
"""
SECRETS = {"auth": AUTH_KEY, "priv": PRIV_KEY}


def community(name: str, version: int = 2) -> CredentialOptions:
    return CredentialOptions(version=version, community=CredentialRef(name))  # type: ignore[arg-type]  # 1 or 2


USER = CredentialOptions(
    version=3, user="tocsin", auth=Auth.SHA256, auth_key=CredentialRef("auth"), priv=Priv.AES128,
    priv_key=CredentialRef("priv"),
)  # fmt: skip
CREDENTIALS = {
    **{name: community(name) for name in ("whole", "systemonly", "nox", "noage", "nothing", "other")},
    "old": community("whole", 1),
    "user": USER,
    "elsewhere": CredentialOptions(**{**{f: getattr(USER, f) for f in USER.__struct_fields__}, "context": "vrf-a"}),
}


@pytest.fixture(scope="module")
def snmpd(require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with Snmpd(require("snmpd"), tmp_path_factory.mktemp("snmpd"), CONFIG) as server:
        yield server


async def verdicts(*targets: TargetOptions, wall: Callable[[], float] = time.time) -> dict[str, list[Verdict]]:
    options = Options(targets=targets, credentials=CREDENTIALS)
    found: dict[str, list[Verdict]] = {}
    names = [target.key for target in targets]
    async for verdict in examine_devices(options, names, lambda name: SECRETS.get(name, name), wall):
        found.setdefault(verdict.target, []).append(verdict)
    return found


def asked(port: int, credential: str, **other: object) -> TargetOptions:
    given = {"host": "127.0.0.1", "port": port, "name": credential, "credential": credential, "timeout": 300, **other}
    return TargetOptions(**given)  # type: ignore[arg-type]  # as the configuration has them


@pytest.mark.server("snmpd")
async def test_what_is_wrong_with_each(snmpd: Snmpd) -> None:
    targets = [asked(snmpd.port, name, retries=1) for name in CREDENTIALS]
    targets += [
        asked(free_port("127.0.0.1"), "whole", name="closed"),
        asked(snmpd.port, "whole", name="named", profile=("interfaces", "ups")),
        TargetOptions(host="no.such.host.invalid", credential="whole"),
    ]
    found = await verdicts(*targets)
    causes = {name: [each.cause for each in of] for name, of in found.items()}
    assert causes == {
        "whole": [None],
        "systemonly": [Cause.VIEW],
        "nox": [Cause.VIEW],
        "noage": [Cause.VIEW],
        "nothing": [Cause.VIEW],
        "other": [Cause.COMMUNITY],
        "old": [Cause.NARROW],
        "user": [None],
        "elsewhere": [Cause.CONTEXT],
        "closed": [Cause.PORT],
        "named": [Cause.VIEW],
        "no.such.host.invalid": [Cause.NAME],
    }, found
    words = {name: f"{of[0].text}; {of[0].fix}" for name, of in found.items()}
    assert "answers: lab" in words["whole"]
    assert "nothing after its system group" in words["systemonly"]
    assert "1.3.6.1.2.1.31 at the least" in words["nox"]
    assert "sysUpTime" in words["noage"]
    assert "write version: 2" in words["old"]
    assert "the profile ups" in words["named"]
    assert "'vrf-a'" in words["elsewhere"]
    assert {name for name, of in found.items() if of[0].dead} == {
        "nothing", "other", "elsewhere", "closed", "no.such.host.invalid",
    }  # fmt: skip


MIB = {
    UPTIME: ber.time_ticks(1),
    SYS_OBJECT_ID: ber.object_id("1.3.6.1.4.1.99999"),
    f"{IF_ENTRY}.2.1": ber.octets("e1"),
    f"{IF_ENTRY}.10.1": ber.counter32(1),
    f"{HC_IN}.1": ber.counter64(1),
}


def date(at: float) -> bytes:
    moment = datetime.fromtimestamp(at, UTC)
    rest = (moment.month, moment.day, moment.hour, moment.minute, moment.second)
    return ber.octets(struct.pack(">H5B", moment.year, *rest) + b"\0+\0\0")


async def test_a_slow_one_and_a_clock_that_is_off() -> None:
    with SnmpAgent({**MIB, HR_DATE: date(1_800_000_000)}, community=b"whole") as agent:
        assert await verdicts(asked(agent.port, "whole"), wall=lambda: 1_800_000_030.0) == {
            "whole": [Verdict("whole", None, f"127.0.0.1:{agent.port} answers: without a name")]
        }
        (off,) = (await verdicts(asked(agent.port, "whole"), wall=lambda: 1_800_000_100.0))["whole"]
        assert (off.cause, "100 s behind" in off.text) == (Cause.CLOCK, True)
        agent.behave = lambda request, reply: [Later(0.2, reply)]
        (late,) = (await verdicts(asked(agent.port, "whole"), wall=lambda: 1_800_000_000.0))["whole"]
        assert late.cause is Cause.SLOW
        agent.behave = lambda request, reply: [] if len(agent.requests) % 2 else [reply]
        agent.requests.clear()
        (lossy,) = (await verdicts(asked(agent.port, "whole"), wall=lambda: 1_800_000_000.0))["whole"]
        assert (lossy.cause, "losses" in lossy.fix) == (Cause.SLOW, True)


async def test_a_device_with_narrow_counters_and_one_without_an_object_id() -> None:
    mib = {**MIB, "1.3.6.1.2.1.31.1.1.1.1.1": ber.octets("e1")}
    del mib[f"{HC_IN}.1"], mib[SYS_OBJECT_ID]
    with SnmpAgent(mib, community=b"whole") as agent:
        found = (await verdicts(asked(agent.port, "whole")))["whole"]
        assert [each.cause for each in found] == [Cause.VIEW, Cause.NARROW]
        assert "newer firmware" in found[1].fix
        # Who names the profile needs no sysObjectID.
        found = (await verdicts(asked(agent.port, "whole", profile=("interfaces",))))["whole"]
        assert [each.cause for each in found] == [Cause.NARROW]
