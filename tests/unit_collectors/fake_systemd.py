"""A service manager on a private bus: Debian's dbus-daemon with a dbus-fast service behind it.

No ``from __future__ import annotations`` here: dbus-fast takes D-Bus signatures from the annotations.
"""

import asyncio
import subprocess
from pathlib import Path

from dbus_fast import PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from collectors.systemd import SERVICE, SOCKET, TIMER, UNIT

PATH = "/org/freedesktop/systemd1/unit/"
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"""


class FakeService(ServiceInterface):
    """A service unit on a real bus."""

    def __init__(self) -> None:
        super().__init__(SERVICE)
        self.restarts = 0

    @dbus_property(access=PropertyAccess.READ)
    def Type(self) -> "s":  # noqa: F821 - a D-Bus signature
        return "notify"

    @dbus_property(access=PropertyAccess.READ)
    def NRestarts(self) -> "u":  # noqa: F821 - a D-Bus signature
        return self.restarts

    @dbus_property(access=PropertyAccess.READ)
    def TasksCurrent(self) -> "t":  # noqa: F821 - a D-Bus signature
        return 12

    @dbus_property(access=PropertyAccess.READ)
    def TasksMax(self) -> "t":  # noqa: F821 - a D-Bus signature
        return 500


class FakeUnit(ServiceInterface):
    """What every unit has."""

    def __init__(self) -> None:
        super().__init__(UNIT)

    @dbus_property(access=PropertyAccess.READ)
    def ActiveEnterTimestamp(self) -> "t":  # noqa: F821 - a D-Bus signature
        return 1_600_000_000_000_000


class FakeSocket(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(SOCKET)

    @dbus_property(access=PropertyAccess.READ)
    def NAccepted(self) -> "u":  # noqa: F821 - a D-Bus signature
        return 40

    @dbus_property(access=PropertyAccess.READ)
    def NConnections(self) -> "u":  # noqa: F821 - a D-Bus signature
        return 3

    @dbus_property(access=PropertyAccess.READ)
    def NRefused(self) -> "u":  # noqa: F821 - a D-Bus signature
        return 2


class FakeTimer(ServiceInterface):
    def __init__(self) -> None:
        super().__init__(TIMER)

    @dbus_property(access=PropertyAccess.READ)
    def LastTriggerUSec(self) -> "t":  # noqa: F821 - a D-Bus signature
        return 1_700_000_000_000_000


class FakeSystemd(ServiceInterface):
    """The manager on a real bus, with many units so that messages are of a real size."""

    def __init__(self) -> None:
        super().__init__("org.freedesktop.systemd1.Manager")
        self.active = "active"
        self.subscribed = 0

    @dbus_method()
    def Subscribe(self):
        self.subscribed += 1

    @dbus_method()
    def ListUnits(self) -> "a(ssssssouso)":  # noqa: F821 - a D-Bus signature
        names = ["ssh.service", "tidy.timer", "api.socket", *(f"dev-{number}.device" for number in range(200))]
        return [self.row(name, self.active if name == "ssh.service" else "active") for name in names]

    @dbus_method()
    def ListUnitsByNames(self, names: "as") -> "a(ssssssouso)":  # noqa: F722, F821 - a D-Bus signature
        return [self.row(name, "inactive", "not-found") for name in names]

    @dbus_property(access=PropertyAccess.READ)
    def Version(self) -> "s":  # noqa: F821 - a D-Bus signature
        return "252.1"

    @dbus_property(access=PropertyAccess.READ)
    def SystemState(self) -> "s":  # noqa: F821 - a D-Bus signature
        return "running"

    @staticmethod
    def row(name: str, active: str, load: str = "loaded") -> list[object]:
        path = PATH + "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in name)
        return [name, "about " + name, load, active, "running", "", path, 0, "", "/"]


class RealBus:
    """dbus-daemon on a private address with a systemd1 on it."""

    def __init__(self, daemon: Path, folder: Path) -> None:
        self.daemon, self.folder, self.address = daemon, folder, str(folder / "bus")
        self.manager, self.service = FakeSystemd(), FakeService()
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: MessageBus | None = None

    async def start(self, *, with_systemd: bool = True) -> None:
        (self.folder / "bus.conf").write_text(CONFIG.format(path=self.address))
        self.process = subprocess.Popen(
            [self.daemon, "--config-file", str(self.folder / "bus.conf"), "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        await asyncio.to_thread(self.process.stdout.readline)
        if with_systemd:
            self.connection = await MessageBus(bus_address=f"unix:path={self.address}").connect()
            self.connection.export("/org/freedesktop/systemd1", self.manager)
            self.connection.export(str(FakeSystemd.row("ssh.service", "")[6]), self.service)
            self.connection.export(str(FakeSystemd.row("tidy.timer", "")[6]), FakeTimer())
            self.connection.export(str(FakeSystemd.row("api.socket", "")[6]), FakeSocket())
            for name in ("ssh.service", "tidy.timer", "api.socket"):
                self.connection.export(str(FakeSystemd.row(name, "")[6]), FakeUnit())
            await self.connection.request_name("org.freedesktop.systemd1")

    async def stop(self) -> None:
        if self.connection is not None:
            self.connection.disconnect()
            self.connection = None
        if self.process is not None:
            self.process.kill()
            await asyncio.to_thread(self.process.communicate)
            self.process = None
