"""Probes: what a service looks like from this machine, under blackbox_exporter's names and with its module options.

A kind of target (``collectors/_targets.py``); what the agent uses is exported here. Loaded only when a probe is
configured.
"""

from __future__ import annotations

from collectors.probes.build import build, check, labels
from collectors.probes.metrics import METRICS
from collectors.probes.options import Modules, Options

Profile = None

__all__ = ["METRICS", "Modules", "Options", "Profile", "build", "check", "labels"]
