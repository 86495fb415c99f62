"""TLS of probes: contexts, made once for each set of options, and what a connection shows of its certificates."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from collectors.probes._options import TlsConfig
from collectors.probes._run import ProbeFailed, Run
from collectors.probes._secrets import Secrets

_ENCODING_DER = 2
_NO_CHAIN = -62_135_596_800
"""Go's zero time in seconds since the epoch: what blackbox_exporter gives when no chain was verified."""
_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_SHOWN_AS = {"TLSv1": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}
_SHORT = {
    "commonName": "CN", "countryName": "C", "organizationName": "O", "organizationalUnitName": "OU",
    "localityName": "L", "stateOrProvinceName": "ST", "streetAddress": "STREET", "postalCode": "POSTALCODE",
    "serialNumber": "SERIALNUMBER",
}  # fmt: skip
_ORDER = tuple(reversed(("C", "O", "OU", "L", "ST", "STREET", "POSTALCODE", "CN", "SERIALNUMBER")))
"""Names are written with the most specific part first, as Go does."""


class Contexts:
    """Contexts by options. One that reads files is made anew when a file has changed."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._made: dict[object, ssl.SSLContext] = {}

    def get(self, config: TlsConfig, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """ProbeFailed when a file of the options cannot be used."""
        base = self._secrets.base
        files = [base / name for name in (config.ca_file, config.cert_file, config.key_file) if name]
        written_key = self._secrets.text("tls_config.key", config.key) if config.key else ""
        try:
            key = config, alpn, written_key, tuple((str(path), path.stat().st_mtime_ns) for path in files)
            made = self._made.get(key)
            if made is None:
                made = _context(config, base, written_key)
                if alpn:
                    made.set_alpn_protocols(list(alpn))
                for old in [old for old in self._made if isinstance(old, tuple) and old[:2] == (config, alpn)]:
                    del self._made[old]
                self._made[key] = made
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            if isinstance(error, ssl.SSLError):
                reason = f"{(error.reason or 'not understood').lower().replace('_', ' ')} ({_pem(config)})"
            raise ProbeFailed(f"tls_config: {getattr(error, 'filename', None) or 'a file'}: {reason}") from None
        return made


def _pem(config: TlsConfig) -> str:
    """What of the options is read as PEM, for a message."""
    return ", ".join(
        name for name in ("ca", "ca_file", "cert", "cert_file", "key", "key_file") if getattr(config, name)
    )


def _context(config: TlsConfig, base: Path, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif config.ca:
        context.load_verify_locations(cadata=config.ca)
    elif config.ca_file:
        context.load_verify_locations(os.fspath(base / config.ca_file))
    else:
        context.load_default_certs()
    if config.cert or config.cert_file:
        with ExitStack() as stack:
            certificate = stack.enter_context(_as_file(config.cert)) if config.cert else base / config.cert_file
            keyed = stack.enter_context(_as_file(key)) if key else base / config.key_file if config.key_file else None
            context.load_cert_chain(certificate, keyed)
    context.minimum_version = _VERSIONS[config.min_version or "TLS12"]
    if config.max_version:
        context.maximum_version = _VERSIONS[config.max_version]
    return context


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path that gives the text: OpenSSL's loader of certificates knows only files, and a key must not be in one."""
    descriptor = os.memfd_create("tocsin-pem")
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def record(run: Run, connection: ssl.SSLObject) -> None:
    """Version, cipher and certificates of a connection."""
    chain = _chain(connection, verified=False)
    if chain:
        run.set("probe_ssl_earliest_cert_expiry", min(map(_expiry, chain)))
        run.set("probe_ssl_last_chain_info", 1, **_described(chain[0]))
    verified = _chain(connection, verified=True) if connection.context.verify_mode is ssl.CERT_REQUIRED else []
    expiry = min(map(_expiry, verified)) if verified else _NO_CHAIN
    run.set("probe_ssl_last_chain_expiry_timestamp_seconds", expiry)
    version = connection.version() or ""
    run.set("probe_tls_version_info", 1, version=_SHOWN_AS.get(version, "unknown"))
    cipher = connection.cipher()
    run.set("probe_tls_cipher_info", 1, cipher=cipher[0] if cipher else "unknown")


def _chain(connection: ssl.SSLObject, *, verified: bool) -> list[Any]:
    """The certificates, the server's own first. Before Python 3.13 they can only be had from the object inside."""
    inside: Any = connection._sslobj  # type: ignore[attr-defined]
    return list((inside.get_verified_chain() if verified else inside.get_unverified_chain()) or ())


def _expiry(certificate: Any) -> float:
    return float(ssl.cert_time_to_seconds(certificate.get_info()["notAfter"]))


def _described(certificate: Any) -> dict[str, str]:
    info = certificate.get_info()
    names = [value for kind, value in info.get("subjectAltName", ()) if kind == "DNS"]
    return {
        "fingerprint_sha256": hashlib.sha256(certificate.public_bytes(_ENCODING_DER)).hexdigest(),
        "subject": _name(info.get("subject", ())),
        "issuer": _name(info.get("issuer", ())),
        "subjectalternative": ",".join(names),
        "serialnumber": info.get("serialNumber", "").lower(),
    }


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """A distinguished name as Go writes it (RFC 2253): ``CN=host,OU=a+OU=b,O=c``."""
    grouped: dict[str, list[str]] = {}
    for part in parts:
        for name, value in part:
            short = _SHORT.get(name, name)
            grouped.setdefault(short, []).append(f"{short}={_escaped(value)}")
    known = [name for name in _ORDER if name in grouped]
    return ",".join("+".join(grouped[name]) for name in (*known, *(name for name in grouped if name not in known)))


def _escaped(value: str) -> str:
    text = "".join(f"\\{char}" if char in ',+"\\<>;' else char for char in value)
    if text[:1] in ("#", " "):
        text = f"\\{text}"
    return f"{text[:-1]}\\ " if text.endswith(" ") and len(value) > 1 else text
