"""Traps and informs: what devices say by themselves (SNMPv1, v2c and v3).

They are a reason to look, and numbers for rules; what is true of a device is for the poll to say. A datagram goes from
``door`` to ``receiver``, which asks ``limits``, ``message``, ``usm``, ``notification``, ``senders`` and ``meaning`` in
that order, and on to ``ledger`` and ``polls``. ``station`` is all of it as a collector, ``options`` its section.
"""
