"""The families the agent exposes about itself; ``agent.own`` makes their samples."""

from __future__ import annotations

from collectors.api import Metric, counter, gauge

_DELIVERY_HELP = {
    "created": "Tickets created.",
    "applied": "Updates of tickets that succeeded.",
    "adopted": "Tickets found by correlation id instead of being created.",
    "reopened": "Ended tickets taken up again by policy.",
    "superseded": "Wishes replaced by a newer one before they were sent.",
    "not_sent": "Attempts that provably changed nothing.",
    "in_doubt": "Writes whose outcome was unknown.",
    "recreated": "Creates repeated after the window of uncertainty.",
    "rejected": "Writes the backend refused.",
    "unauthorised": "Calls refused for the credential or its rights.",
    "unexpected": "Exceptions outside the adapter contract.",
    "held": "Sends held back because the claim could not be made durable.",
    "sent_undurably": "Sends in memory only, because the store has failed for long.",
    "gone": "Tickets deleted or merged away.",
    "moved": "Rows moved to an older ticket of the same fault.",
    "twins_retired": "Second tickets of one fault that were resolved.",
    "strays": "Open tickets of ours without a live incident, as seen by the audit.",
    "waited": "Moves of a ticket put off until a doubtful earlier one cannot come late any more.",
    "reads": "Tickets read back.",
    "audits": "Audits completed.",
}

OWN_METRICS: tuple[Metric, ...] = (
    gauge("tocsin_build_info", "Always 1; the labels say which version runs.", "version"),
    gauge("tocsin_start_time_seconds", "When the agent started, in seconds since the epoch."),
    gauge("tocsin_resident_memory_bytes", "Memory of the process that is in RAM."),
    counter("tocsin_cpu_seconds_total", "CPU time of the process in seconds, user and system."),
    counter("tocsin_cycles_total", "Collection cycles completed."),
    counter("tocsin_cycles_skipped_total", "Collection cycles left out because the one before took too long."),
    gauge("tocsin_cycle_duration_seconds", "Duration of the last cycle."),
    gauge("tocsin_rule_evaluation_duration_seconds", "Duration of the last evaluation of rules."),
    counter("tocsin_rule_evaluation_failures_total", "Rules that failed, counted at each evaluation."),
    gauge("tocsin_rules_failing", "Rules whose last evaluation failed."),
    gauge("tocsin_rules_waiting", "Rules that wait for data after a start."),
    counter("tocsin_clock_steps_total", "Steps of the wall clock that were followed."),
    counter("tocsin_pauses_total", "Times the machine or the process stood still."),
    gauge("tocsin_series", "Series in memory."),
    gauge("tocsin_samples", "Samples in memory."),
    counter("tocsin_samples_refused_total", "Samples refused because the series window is full."),
    gauge("tocsin_incidents", "Incidents that are not resolved, by state.", "state"),
    gauge("tocsin_outbox_rows", "Outbox rows by backend and state.", "backend", "state"),
    gauge(
        "tocsin_outbox_oldest_seconds", "Age of the oldest row that is not delivered; 0 when there is none.", "backend"
    ),
    gauge("tocsin_backend_up", "1 while the backend answers and takes the credential.", "backend"),
    *(counter(f"tocsin_delivery_{name}_total", text, "backend") for name, text in _DELIVERY_HELP.items()),
    gauge("tocsin_store_healthy", "1 while the last write reached the disk."),
    counter("tocsin_store_commits_total", "Transactions that wrote something."),
    counter("tocsin_store_failures_total", "Writes that the disk did not take."),
    counter("tocsin_store_quarantined_rows_total", "Stored rows found damaged and set aside."),
    gauge(
        "tocsin_config_last_reload_successful",
        "1 when the configuration in force is the one last asked for, whatever mistakes its rule files hold.",
    ),
    counter("tocsin_history_written_bytes_total", "Bytes of long windows written, to be there after a restart."),
    counter("tocsin_history_failures_total", "Writes of long windows that the disk did not take."),
    counter("tocsin_history_damaged_total", "Files of long windows found damaged at a start, and put aside."),
    counter("tocsin_config_reloads_total", "Reloads by outcome.", "outcome"),
    gauge(
        "tocsin_rule_file_stale",
        "1 while mistakes keep a rule file from being in force as it is; an older version of it is, or none of its"
        " rules.",
        "file",
    ),
    gauge("tocsin_rule_file_rules", "Rules of a rule file that are in force.", "file"),
)
