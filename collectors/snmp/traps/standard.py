"""The notifications of standard MIBs. Those of vendors are in the profiles, under ``traps``.

Where a MIB was written twice, the later one has the name of the first: rules are about what happened.
"""

from __future__ import annotations

from collectors.snmp.profile import Index, Instance, Lookup, Syntax, Trap

_IF_INDEX = Lookup("ifIndex", "1.3.6.1.2.1.2.2.1.1", Syntax.GAUGE)
_IF_NAME = Lookup("ifName", "1.3.6.1.2.1.31.1.1.1.1")
_IF_DESCR = Lookup("ifDescr", "1.3.6.1.2.1.2.2.1.2")
_LINK = (_IF_INDEX, _IF_NAME, _IF_DESCR)
_SNMP = "1.3.6.1.6.3.1.1.5"
_BGP_STATE = "1.3.6.1.2.1.15.3.1.2"
_BGP_PEER = Instance(_BGP_STATE, (Index("bgpPeerRemoteAddr", Syntax.INET_ADDRESS_IPV4),))
_OSPF = "1.3.6.1.2.1.14.16.2"
_OSPF_NEIGHBOUR = (
    Lookup("ospfNbrIpAddr", "1.3.6.1.2.1.14.10.1.1", Syntax.INET_ADDRESS_IPV4),
    Lookup("ospfNbrRtrId", "1.3.6.1.2.1.14.10.1.3", Syntax.INET_ADDRESS_IPV4),
)
_UPS = "1.3.6.1.2.1.33.2"
_UPS_ALARM = (Lookup("upsAlarmDescr", "1.3.6.1.2.1.33.1.6.2.1.2", Syntax.OBJECT_IDENTIFIER),)
_VRRP_MASTER = (Lookup("vrrpOperMasterIpAddr", "1.3.6.1.2.1.68.1.3.1.7", Syntax.INET_ADDRESS_IPV4),)
_ENTITY = (Index("entPhysicalIndex"),)
_CISCO_SENSOR = Instance("1.3.6.1.4.1.9.9.91.1.2.1.1.4", (Index("entPhysicalIndex"), Index("entSensorThresholdIndex")))

STANDARD = (
    Trap(f"{_SNMP}.1", "coldStart", help="The device started, and its configuration may have changed."),
    Trap(f"{_SNMP}.2", "warmStart", help="The device started with the configuration it had."),
    Trap(f"{_SNMP}.3", "linkDown", _LINK, help="An interface went down."),
    Trap(f"{_SNMP}.4", "linkUp", _LINK, clears=True, help="An interface came up."),
    Trap(f"{_SNMP}.5", "authenticationFailure", help="Somebody asked the device with a wrong community or key."),
    Trap(f"{_SNMP}.6", "egpNeighborLoss", help="A neighbour of the EGP is gone."),
    Trap("1.3.6.1.2.1.15.7.1", "bgpEstablished", instance=_BGP_PEER, clears=True, help="A BGP session came up."),
    Trap("1.3.6.1.2.1.15.7.2", "bgpBackwardTransition", instance=_BGP_PEER, help="A BGP session went back."),
    Trap("1.3.6.1.2.1.15.0.1", "bgpEstablished", instance=_BGP_PEER, clears=True, help="The same by RFC 4273."),
    Trap("1.3.6.1.2.1.15.0.2", "bgpBackwardTransition", instance=_BGP_PEER, help="The same by RFC 4273."),
    Trap(f"{_OSPF}.2", "ospfNbrStateChange", _OSPF_NEIGHBOUR, help="An OSPF neighbour is in another state."),
    Trap(f"{_OSPF}.3", "ospfVirtNbrStateChange", help="A neighbour over a virtual link is in another state."),
    Trap(f"{_OSPF}.16", "ospfIfStateChange", help="An OSPF interface is in another state."),
    Trap("1.3.6.1.2.1.68.0.1", "vrrpTrapNewMaster", _VRRP_MASTER, help="The sender became master of a VRRP group."),
    Trap("1.3.6.1.2.1.68.0.2", "vrrpTrapAuthFailure", help="A VRRP packet was not authentic."),
    Trap("1.3.6.1.2.1.207.0.1", "vrrpTrapNewMaster", help="The same for VRRP version 3 (RFC 6527)."),
    Trap("1.3.6.1.2.1.207.0.2", "vrrpv3ProtoError", help="A VRRP packet was wrong."),
    Trap("1.3.6.1.2.1.17.0.1", "newRoot", help="The sender became root of the spanning tree."),
    Trap("1.3.6.1.2.1.17.0.2", "topologyChange", help="The spanning tree changed."),
    Trap("1.0.8802.1.1.2.0.0.1", "lldpRemTablesChange", help="Neighbours that LLDP sees changed."),
    Trap("1.3.6.1.2.1.47.2.0.1", "entConfigChange", help="A part of the device was put in or taken out."),
    Trap("1.3.6.1.2.1.131.0.1", "entStateOperEnabled", instance=Instance("1.3.6.1.2.1.131.1.1.1.2", _ENTITY),
         clears=True, help="A part of the device works."),
    Trap("1.3.6.1.2.1.131.0.2", "entStateOperDisabled", instance=Instance("1.3.6.1.2.1.131.1.1.1.2", _ENTITY),
         help="A part of the device does not work."),
    Trap("1.3.6.1.4.1.9.9.91.2.0.1", "entSensorThresholdNotification", instance=_CISCO_SENSOR,
         help="A sensor is beyond a threshold (CISCO-ENTITY-SENSOR-MIB)."),
    Trap(f"{_UPS}.1", "upsTrapOnBattery", help="The UPS runs on its battery; sent again every minute."),
    Trap(f"{_UPS}.2", "upsTrapTestCompleted", help="A test of the UPS is done."),
    Trap(f"{_UPS}.3", "upsTrapAlarmEntryAdded", _UPS_ALARM, help="The UPS has an alarm more."),
    Trap(f"{_UPS}.4", "upsTrapAlarmEntryRemoved", _UPS_ALARM, clears=True, help="The UPS has an alarm less."),
    Trap("1.3.6.1.2.1.16.0.1", "risingAlarm", help="A value that RMON watches rose over its threshold."),
    Trap("1.3.6.1.2.1.16.0.2", "fallingAlarm", help="A value that RMON watches fell below its threshold."),
    Trap("1.3.6.1.2.1.88.2.0.1", "mteTriggerFired", help="A trigger of DISMAN-EVENT-MIB fired."),
    Trap("1.3.6.1.4.1.8072.4.0.2", "nsNotifyShutdown", help="net-snmp is shutting down."),
    Trap("1.3.6.1.4.1.8072.4.0.3", "nsNotifyRestart", help="net-snmp read its configuration again."),
)  # fmt: skip
