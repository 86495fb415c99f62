"""Every recorded device over the network: snmpsim answers, and all that polls them makes of it what is expected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import snmp_devices
from servers.snmpsim import Snmpsim

from collectors.api import CredentialRef, Sample, Target
from collectors.snmp.build import build
from collectors.snmp.credentials import CredentialOptions
from collectors.snmp.engines import Choice
from collectors.snmp.options import Options, TargetOptions


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpsim]:
    with Snmpsim(snmp_devices.HERE, tmp_path_factory.mktemp("snmpsim")) as running:
        yield running


def targets(simulator: Snmpsim, names: Sequence[str], engine: Choice) -> list[Target]:
    devices = tuple(
        TargetOptions(host=simulator.host, port=simulator.port, name=name, credential=name) for name in names
    )
    credentials = {name: CredentialOptions(version=2, community=CredentialRef(name)) for name in names}
    return build(Options(targets=devices, credentials=credentials, engine=engine), str, Path())


@pytest.mark.parametrize(
    ("engine", "names"), [(Choice.GUFO, snmp_devices.NAMES), (Choice.PYSNMP, ["apc-ups", "cisco-stack"])]
)
def test_what_is_polled_is_what_the_device_says(simulator: Snmpsim, engine: Choice, names: list[str]) -> None:
    """Profiles are chosen by what the device answers, walks are whole, and every sample is the expected one."""

    async def polled() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {name: set() for name in names}
        every = iter(targets(simulator, names, engine))
        for liveness, fast, slow in zip(every, every, every, strict=True):
            # What liveness reads is known after the first poll.
            for target in (liveness, fast, slow, liveness):
                for each in await target.measure():
                    assert isinstance(each, Sample), each
                    found[target.labels["instance"]].add(snmp_devices.line(each))
            assert liveness.state is not None
            liveness.state.close()
        return found

    for name, lines in asyncio.run(polled()).items():
        of_the_device = {line for line in lines if not line.startswith(("snmp_", "tocsin_snmp_"))}
        assert of_the_device == set(snmp_devices.expected(name).splitlines()[1:]), name
