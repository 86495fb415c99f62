"""The agent on virtual time: scenario files and replays, from samples to what stands in the ITSM.

Nothing here is a copy of the agent. ``rehearsal`` runs the daemon itself, with its real rule engine, book, store,
delivery and reload; only the clock is virtual, collectors give what the scenario wrote down, and every integration is
an embedded desk of its own in memory.
"""
