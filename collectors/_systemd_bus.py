"""The service manager over D-Bus (org.freedesktop.systemd1(5)): the few calls the systemd collector makes.

Nothing here changes anything on the host. The connection stays open between cycles; whoever sees it fail closes it and
opens another.
"""

from __future__ import annotations

from typing import cast

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusFastError

from collectors._model import CollectorError
from collectors.systemd import SERVICE, TIMER, NoServiceManager, Unit

MANAGER = "org.freedesktop.systemd1.Manager"
_NAME = "org.freedesktop.systemd1"
_ROOT = "/org/freedesktop/systemd1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_CHANGED_LIMIT = 10_000

_NO_SYSTEMD = ("org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")
_NO_SYSTEMD_PREFIX = "org.freedesktop.DBus.Error.Spawn."
_GONE = (
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownProperty",
    "org.freedesktop.DBus.Error.UnknownInterface",
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.systemd1.NoSuchUnit",
)


class SystemdBus:
    """A connection. ``changed`` gathers the object paths of services and timers that said their properties changed."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self.changed: set[str] = set()
        bus.add_message_handler(self._signal)

    @classmethod
    async def open(cls, socket: str) -> SystemdBus:
        """Connect and subscribe. CollectorError when refused, NoServiceManager when nobody answers for systemd."""
        self = cls(MessageBus(bus_address=f"unix:path={socket}"))
        try:
            await self._bus.connect()
            for interface in (SERVICE, TIMER):
                rule = (
                    f"type='signal',sender='{_NAME}',interface='{_PROPERTIES}',member='PropertiesChanged',"
                    f"path_namespace='{_ROOT}/unit',arg0='{interface}'"
                )
                await self._call(
                    "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", [rule], to="org.freedesktop.DBus"
                )
            await self._call(_ROOT, MANAGER, "Subscribe")
        except (OSError, EOFError, DBusFastError) as error:
            self.close()
            raise CollectorError(
                f"the system bus at {socket} refuses us: {error}"
                " (is dbus running, and may the agent's user open the socket?)"
            ) from error
        except BaseException:  # also when given up at the deadline: a silent bus must not cost a socket each cycle
            self.close()
            raise
        return self

    @property
    def connected(self) -> bool:
        return self._bus.connected

    def close(self) -> None:
        self._bus.disconnect()

    async def list_units(self) -> list[Unit]:
        """Every unit systemd has in memory."""
        return _units(await self._call(_ROOT, MANAGER, "ListUnits"))

    async def units_by_name(self, names: list[str]) -> list[Unit]:
        """These units, loaded for it when they are not in memory; ``load`` is ``not-found`` when there is none."""
        return _units(await self._call(_ROOT, MANAGER, "ListUnitsByNames", "as", [names]))

    async def manager_property(self, name: str) -> object:
        return await self.unit_property(_ROOT, MANAGER, name)

    async def unit_property(self, path: str, interface: str, name: str) -> object:
        """The value of a property, or None when the unit has gone or this systemd does not know the property."""
        try:
            body = await self._call(path, _PROPERTIES, "Get", "ss", [interface, name])
        except _Answer as error:
            if error.name in _GONE:
                return None
            raise
        return cast("object", cast("Variant", body[0]).value)

    async def _call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: list[object] | None = None,
        *,
        to: str = _NAME,
    ) -> list[object]:
        message = Message(
            destination=to, path=path, interface=interface, member=member, signature=signature, body=body or []
        )
        try:
            reply = await self._bus.call(message)
        except (OSError, EOFError, DBusFastError) as error:
            raise CollectorError(f"the connection to the system bus was lost during {member}: {error}") from error
        if reply.message_type is MessageType.ERROR:
            name = reply.error_name or ""
            if name in _NO_SYSTEMD or name.startswith(_NO_SYSTEMD_PREFIX):
                raise NoServiceManager(name)
            raise _Answer(name, f"systemd refuses {member}: {name}: {reply.body[0] if reply.body else ''}")
        return cast("list[object]", reply.body)

    def _signal(self, message: Message) -> None:
        if message.member == "PropertiesChanged" and message.path and len(self.changed) < _CHANGED_LIMIT:
            self.changed.add(message.path)


class _Answer(CollectorError):
    """An error systemd answered with; ``name`` is its D-Bus name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


def _units(body: list[object]) -> list[Unit]:
    rows = cast("list[list[str]]", body[0])
    return [Unit(row[0], row[2], row[3], row[6]) for row in rows]
