"""Makes the backends agree with what the incidents want, effectively once."""

from agent.delivery.events import DeliveryStats, RemoteSeen, Stray
from agent.delivery.gate import GateState
from agent.delivery.service import STOP_GRACE, BackendStatus, Delivery, DeliveryOptions

__all__ = [
    "STOP_GRACE",
    "BackendStatus",
    "Delivery",
    "DeliveryOptions",
    "DeliveryStats",
    "GateState",
    "RemoteSeen",
    "Stray",
]
