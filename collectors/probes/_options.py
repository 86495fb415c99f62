"""What the options of every prober are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from collectors._options import Secret, Unsupported

Millis = Annotated[int, Meta(extra={"unit": "ms", "go": True}, ge=0, le=600_000)]
IpVersion = Literal["ip4", "ip6"]
Patterns = Annotated[tuple[str, ...], Meta(max_length=100)]
ByReference = Annotated[
    Unsupported, Meta(extra={"mend": "write the option without _ref, a secret as {credential: NAME}"})
]
NO = Unsupported()
TlsVersion = Literal["", "TLS10", "TLS11", "TLS12", "TLS13"]


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What all of these have in common."""


class TlsConfig(Options, frozen=True):
    """TLS towards the target. Certificates are verified unless ``insecure_skip_verify`` is set.

    ``ca``, ``cert`` and ``key`` are the PEM text of what ``ca_file``, ``cert_file`` and ``key_file`` name.
    """

    ca: str = ""
    cert: str = ""
    key: Secret | None = None
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: TlsVersion = ""
    max_version: TlsVersion = ""
    ca_ref: ByReference = NO
    cert_ref: ByReference = NO
    key_ref: ByReference = NO

    def __post_init__(self) -> None:
        for name in ("ca", "cert", "key"):
            only_one(self, name, f"{name}_file")
        if (self.key or self.key_file) and not (self.cert or self.cert_file):
            raise ValueError("key_file is given without cert_file" if self.key_file else "key is given without cert")


RevocationList = Annotated[
    Unsupported, Meta(extra={"mend": "revocation lists are not read here: leave this option to the exporter"})
]
Pins = Annotated[
    Unsupported,
    Meta(extra={"mend": "keys are not pinned here: compare fingerprint_sha256 of probe_ssl_last_chain_info in a rule"}),
]
Alerts = Annotated[
    Unsupported,
    Meta(extra={"mend": "alerts are not told apart here: expect the failure in a rule on probe_success == 1"}),
]


def only_one(options: Struct, *names: str) -> None:
    """ValueError when more than one of these options is given."""
    given = [name for name in names if getattr(options, name)]
    if len(given) > 1:
        raise ValueError(f"{given[1]} and {given[0]} are both given; keep one")
