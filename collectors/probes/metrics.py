"""The families of probes. Names, labels and meaning are blackbox_exporter's, but for those that say otherwise."""

from __future__ import annotations

from collectors._model import gauge

METRICS = (
    gauge("probe_success", "1 when the probe found what its module asks for, otherwise 0."),
    gauge("probe_duration_seconds", "Seconds the whole probe took."),
    gauge("probe_dns_lookup_time_seconds", "Seconds the look-up of the target's name took."),
    gauge("probe_ip_protocol", "4 or 6: the IP version that was used; 0 when there was no address."),
    gauge("probe_ip_addr_hash", "FNV-1a hash of the address that was used; it changes with the address."),
    gauge("probe_failed_due_to_regex", "1 when a regular expression of the module decided against the target."),
    gauge("probe_failed_due_to_bytes", "1 when `expect_bytes` of the module decided against the target."),
    gauge("probe_http_status_code", "Status of the last answer; 0 when there was none."),
    gauge("probe_http_content_length", "Content-Length of the last answer in bytes; -1 when it does not say."),
    gauge("probe_http_uncompressed_body_length", "Bytes of the last answer's body, uncompressed."),
    gauge("probe_http_redirects", "Redirects that were followed."),
    gauge("probe_http_ssl", "1 when the last answer came over TLS."),
    gauge("probe_http_version", "HTTP version of the last answer, such as 1.1."),
    gauge("probe_http_duration_seconds", "Seconds of the phases of HTTP, summed over redirects.", "phase"),
    gauge("probe_http_last_modified_timestamp_seconds", "Last-Modified of the last answer, in Unix time."),
    gauge("probe_ssl_earliest_cert_expiry", "When the first certificate that was shown ends, in Unix time."),
    gauge(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "When the verified chain ends, in seconds since the epoch; -62135596800 when none was verified.",
    ),
    gauge(
        "probe_ssl_last_chain_info", "Always 1; the labels describe the server's own certificate.",
        "fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber",
    ),
    gauge("probe_tls_version_info", "Always 1; the label is the version of TLS.", "version"),
    gauge("probe_tls_cipher_info", "Always 1; the label is the cipher suite.", "cipher"),
    gauge("probe_expect_info", "Always 1; labels are what `labels` of a query_response took from the answer."),
    gauge("probe_icmp_duration_seconds", "Seconds of the phases of ICMP; `rtt` is the mean of the answers.", "phase"),
    gauge("probe_icmp_reply_hop_limit", "Hop limit (TTL) of the last answer."),
    gauge("probe_icmp_loss_ratio", "Share of echo requests without an answer. Tocsin's own; with `count` above 1."),
    gauge(
        "probe_icmp_jitter_seconds",
        "Mean difference between one round trip and the next. Tocsin's own; with `count` above 1.",
    ),
    gauge("probe_dns_duration_seconds", "Seconds of the phases of DNS.", "phase"),
    gauge("probe_dns_answer_rrs", "Records in the answer section."),
    gauge("probe_dns_authority_rrs", "Records in the authority section."),
    gauge("probe_dns_additional_rrs", "Records in the additional section."),
    gauge("probe_dns_query_succeeded", "1 when the server answered the query at all."),
    gauge("probe_dns_serial", "Serial number of the zone, when the query asks for SOA."),
    gauge(
        "probe_dns_authenticated",
        "1 when the server says that it validated the answer (AD). Tocsin's own; with `dnssec: true`.",
    ),
    gauge("probe_websocket_status_code", "Status of the answer to the request for a WebSocket."),
    gauge("probe_websocket_connection_upgraded", "1 when the server changed over to a WebSocket."),
    gauge(
        "probe_websocket_failed_due_to_regex",
        "1 when a message did not match; there where the module has a `query_response`.",
    ),
    gauge("probe_grpc_duration_seconds", "Seconds of the phases of gRPC.", "phase"),
    gauge("probe_grpc_ssl", "1 when the answer came over TLS."),
    gauge("probe_grpc_status_code", "gRPC status of the answer."),
    gauge("probe_grpc_healthcheck_response", "1 for the status the service gave, 0 for the others.", "serving_status"),
)  # fmt: skip
