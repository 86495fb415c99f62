"""Virtual time, as the agent's own scenarios have it."""

from agent.scenario.clock import START_MS, Inline, VirtualLoop, run

__all__ = ["START_MS", "Inline", "VirtualLoop", "run"]
