"""A certificate authority of the tests' own, with keys at hand: what the demo's cannot be made to sign."""

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(timezone.utc).replace(microsecond=0)
DAY = timedelta(days=1)


def name(common):
    """A subject."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def write_key(path, key):
    """PKCS#8, for its owner only."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.touch(mode=0o600, exist_ok=True)
    path.write_bytes(pem)


def new_key(kind="ec"):
    """P-256, or RSA with 2048 bits."""
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


class Authority:
    """Issues certificates and one revocation list."""

    def __init__(self, common):
        self.key = new_key()
        self.common = common
        self.revoked = []
        usage = {"key_cert_sign": True, "crl_sign": True, "digital_signature": False}
        self.certificate = self._signed(
            name(common),
            self.key.public_key(),
            [(x509.BasicConstraints(ca=True, path_length=0), True), (self._usage(**usage), True)],
        )

    @staticmethod
    def _usage(**on):
        every = dict.fromkeys(
            (
                "digital_signature",
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        return x509.KeyUsage(**{**every, **on})

    def _signed(self, subject, public_key, extensions, start=NOW - DAY, end=NOW + 7 * DAY):
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name(self.common))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, folder, file, *, uri=None, hosts=(), kind="ec", usage="client", **validity):
        """Writes `<file>.pem` and `<file>.key.pem`; gives the certificate."""
        key = new_key(kind)
        names = [x509.UniformResourceIdentifier(uri)] if uri else []
        for host in hosts:
            is_address = host.replace(".", "").isdigit()
            names.append(x509.IPAddress(ipaddress.ip_address(host)) if is_address else x509.DNSName(host))
        extensions = [(self._usage(digital_signature=True), True)]
        purposes = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}
        if usage in purposes:
            extensions.append((x509.ExtendedKeyUsage([purposes[usage]]), False))
        if names:
            extensions.append((x509.SubjectAlternativeName(names), False))
        certificate = self._signed(name(file), key.public_key(), extensions, **validity)
        folder = Path(folder)
        (folder / f"{file}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_key(folder / f"{file}.key.pem", key)
        return certificate

    def revoke(self, certificate):
        """It stands in the next list."""
        self.revoked.append(certificate.serial_number)

    def write(self, folder, file):
        """Writes `<file>.pem` and `<file>.crl.pem`."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name(self.common))
            .last_update(NOW - DAY)
            .next_update(NOW + 6 * DAY)
            .add_extension(x509.CRLNumber(2), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for serial in self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY).build()
            builder = builder.add_revoked_certificate(entry)
        listed = builder.sign(self.key, hashes.SHA256())
        folder = Path(folder)
        (folder / f"{file}.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        (folder / f"{file}.crl.pem").write_bytes(listed.public_bytes(serialization.Encoding.PEM))
