"""How many files and sockets the process may have open at once, and how many its configuration needs.

A soft limit of 1,024, the usual one outside of systemd, is for programs that call select(2). This one does not, so it
takes what the hard limit allows.
"""

from __future__ import annotations

import resource

from agent.config.schema import Config

_DEVICE = 2
"""Descriptors for each SNMP device, for as long as it answers."""
_OTHERS = 256
"""For all else: the store, the listener and its clients, collectors, backends, probes under way."""
_MOST = 1 << 20
"""What the kernel allows anybody (fs.nr_open), unless somebody changed it."""


def raise_limit() -> None:
    """Make the soft limit the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):
            pass  # what it means for the targets is told by ``shortage``


def shortage(config: Config) -> str:
    """What is wrong when the hard limit is too low for the configured devices, and what to do; "" when it is not."""
    options = config.collect.snmp.options
    wanted = _OTHERS + _DEVICE * (len(options.targets) if options is not None else 0)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return ""
    return f"the process may open {hard} files, and its SNMP devices need up to {wanted}: set LimitNOFILE={wanted}"
