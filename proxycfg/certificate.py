"""Certificates that live for a day: what listeners of the demo and of `check` show, and stand-ins for those that a config names.

Needs the package cryptography (the extras ``demo`` and ``check``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Files:
    """Where certificate and key are, as PEM."""

    certificate: Path
    key: Path


def make(folder: Path) -> Files:
    """Write a new pair into the folder, which is made."""
    folder.mkdir()
    files = Files(folder / "tls.crt", folder / "tls.key")
    made = pair()
    files.certificate.write_bytes(made.certificate)
    files.key.write_bytes(made.key)
    return files


def pair(names: Iterable[str] = ()) -> Pair:
    """A new pair for 127.0.0.1 and these names; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proxycfg")])
    now = dt.datetime.now(dt.UTC)
    others = [x509.IPAddress(IPv4Address("127.0.0.1")), *map(x509.DNSName, names)]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour back, for machines whose clock was just set.
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(others), critical=False)
        # The rest is what Python 3.13 wants to see in a certificate that is its own authority.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(made.public_bytes(serialization.Encoding.PEM), secret)


def _usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
