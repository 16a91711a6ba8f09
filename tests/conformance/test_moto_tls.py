"""The endpoint behind TLS, as AWS's are: with an authority of its own, as behind a company's proxy."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import aws
import servers
from collector import EXIT_FAILED, EXIT_PARTIAL, Program


@dataclass(frozen=True)
class Endpoint:
    """Where moto answers, and who vouches for it."""

    url: str
    authority: Path


def _certificate(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, signed_with: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.datetime.now(datetime.timezone.utc)
    is_authority = subject == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    return builder.sign(signed_with, hashes.SHA256())


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("tls")
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority, certificate, key = folder / "authority.pem", folder / "certificate.pem", folder / "key.pem"
    authority.write_bytes(_certificate("an authority", "an authority", authority_key, authority_key).public_bytes(serialization.Encoding.PEM))
    certificate.write_bytes(_certificate("moto", "an authority", server_key, authority_key).public_bytes(serialization.Encoding.PEM))
    key.write_bytes(server_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with servers.moto_over_tls(folder, certificate, key, authority) as url:
        yield Endpoint(url, authority)


def test_keys_are_read_over_tls_where_the_authority_is_trusted(program: Program, endpoint: Endpoint, tmp_path: Path) -> None:
    """moto's DescribeCustomKeyStores answers HTTP 500, so the run is partial."""
    kms = aws.client("kms", endpoint.url, verify=str(endpoint.authority))
    keys = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(60)}
    program.run("collect", "--lake", str(tmp_path), "--regions", "us-east-1", endpoint=endpoint.url, authority=endpoint.authority).expect(EXIT_PARTIAL)
    rows = program.query("SELECT key_id FROM keys WHERE metadata_status = 'observed'", str(tmp_path))
    assert {row["key_id"] for row in rows} == keys


def test_a_certificate_that_nobody_vouches_for_is_refused(program: Program, endpoint: Endpoint, tmp_path: Path) -> None:
    finished = program.run("collect", "--lake", str(tmp_path / "lake"), "--regions", "us-east-1", endpoint=endpoint.url).expect(EXIT_FAILED)
    assert "sts:GetCallerIdentity: connection:" in finished.stderr and "invalid peer certificate: UnknownIssuer" in finished.stderr
    assert finished.stdout == ""
