"""The families that are about the asking itself, not about the device."""

from __future__ import annotations

from collectors._model import counter, gauge

OWN = (
    gauge("snmp_scrape_duration_seconds", "Seconds a poll took; the label is liveness, fast or slow.", "module"),
    gauge("snmp_scrape_packets_sent", "Requests of a poll, repeated ones included.", "module"),
    gauge("snmp_scrape_packets_retried", "Requests of a poll that were repeated.", "module"),
    gauge("snmp_scrape_pdus_returned", "Replies that came in a poll.", "module"),
    counter("tocsin_snmp_restarts_total", "How often the device started anew since it is watched. Tocsin's own."),
    gauge(
        "tocsin_snmp_incomplete",
        "1 where the last poll could not read everything; the label is fast or slow. Tocsin's own.",
        "module",
    ),
    gauge("tocsin_snmp_held_back", "Counters that are held back until another poll confirms them. Tocsin's own."),
    counter(
        "tocsin_snmp_dropped_total",
        "Values of counters that were not published: `unconfirmed` surprises, `moved` counters, 32 bits that are "
        "`ambiguous` on a fast line, a `wrong_type`. Tocsin's own.",
        "reason",
    ),
)
