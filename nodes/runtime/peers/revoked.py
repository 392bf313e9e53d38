"""Certificates that a CA of the zone took back before their end: ``ca.crl`` beside ``ca.pem`` in the public directory, the CA's PEM list, or
one of each CA while there are two.

The file is looked at on every call and read again when it, or who may read it, or the zone's CAs changed, so that a revocation holds on live
connections too. Without the file nothing is revoked. A list that no CA of the zone signed, or that cannot be read, changes nothing and is
reported: what was revoked stays so.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from nodes.errors import CallerError, SettingsError
from nodes.runtime import logging

LIST_NAME = "ca.crl"
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)

_log = logging.logger("revoked")


Certificate = tuple[bytes, int]
"""Who issued a certificate (its name, DER) and the serial number: two CAs side by side may number alike."""


class RevokedCertificates:
    """Certificates on the lists in ``file`` of the CAs whose PEM ``ca`` gives; no file: none. Thread-safe."""

    def __init__(self, file: Path | None, ca: Callable[[], bytes]) -> None:
        """Reads the list. Raises SettingsError when there is one that cannot be taken: a process does not begin by forgetting it."""
        self._file, self._ca = file, ca
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int, bytes] | None = None  # times and size of the file as it was read last, and the CAs then
        self._revoked: frozenset[Certificate] = frozenset()
        try:
            self._newest(strict=True)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file}: {error}") from error

    def check(self, certificate: Certificate) -> None:
        """The certificate was not taken back. Raises CallerError."""
        if certificate in self._newest():
            raise CallerError("the certificate was revoked")

    def _newest(self, *, strict: bool = False) -> frozenset[Certificate]:
        """Those revoked by the file as it is now. Raises OSError or ValueError for a list that cannot be taken, if ``strict``."""
        if self._file is None:
            return self._revoked
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return self._revoked
        ca = self._ca()
        seen = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, ca)
        with self._lock:
            if seen != self._seen:
                self._seen = seen
                try:
                    self._revoked |= revoked_by(self._file.read_bytes(), ca)
                    _log.info(logging.REVOKED_READ, count=len(self._revoked))
                except (OSError, ValueError) as error:
                    if strict:
                        raise
                    _log.error(logging.REVOKED_UNREADABLE, file=self._file.name, error=str(error))
            return self._revoked


def revoked_by(lists: bytes, ca: bytes) -> frozenset[Certificate]:
    """What is on the PEM lists, one after the other, each signed by a CA of the PEM ``ca``. Raises ValueError for anything else."""
    try:
        found = [x509.load_pem_x509_crl(item) for item in _LIST.findall(lists)]
        keys = {certificate.subject: certificate.public_key() for certificate in x509.load_pem_x509_certificates(ca)}
    except (ValueError, TypeError) as error:
        raise ValueError(f"no PEM list of revoked certificates: {error}") from error
    if not found:
        raise ValueError("no PEM list of revoked certificates")
    revoked: set[Certificate] = set()
    for item in found:
        key = keys.get(item.issuer)
        if not (isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) and item.is_signature_valid(key)):
            raise ValueError("it is not signed by a CA of the zone")
        revoked |= {(item.issuer.public_bytes(), entry.serial_number) for entry in item}
    return frozenset(revoked)
