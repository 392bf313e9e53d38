"""Certificates that the zone's CA took back before their end: ``ca.crl`` beside ``ca.pem`` in the public directory, a PEM list that the CA signed.

The file is looked at on every call and read again when it changed, so that a revocation holds on live connections too. Without the file
nothing is revoked. A list that the CA did not sign, or that cannot be read, changes nothing and is reported: what was revoked stays so.
"""

from __future__ import annotations

import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from nodes.errors import CallerError, SettingsError
from nodes.runtime import logging

LIST_NAME = "ca.crl"

_log = logging.logger("revoked")


class RevokedCertificates:
    """Serial numbers on the list ``file`` of the CA whose PEM is ``ca``; no file: none. Thread-safe."""

    def __init__(self, file: Path | None, ca: bytes) -> None:
        """Reads the list. Raises SettingsError when there is one that cannot be taken: a process does not begin by forgetting it."""
        self._file, self._ca = file, ca
        self._lock = threading.Lock()
        self._seen: tuple[int, int] = (0, 0)  # time and size of the file as it was read last
        self._serials: frozenset[int] = frozenset()
        try:
            self._newest(strict=True)
        except ValueError as error:
            raise SettingsError(f"{file}: {error}") from error

    def check(self, serial: int) -> None:
        """The certificate with this serial number was not taken back. Raises CallerError."""
        if serial in self._newest():
            raise CallerError("the caller's certificate was revoked")

    def _newest(self, *, strict: bool = False) -> frozenset[int]:
        """Serials by the file as it is now. Raises ValueError for a list that cannot be taken, if ``strict``."""
        if self._file is None:
            return self._serials
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return self._serials
        seen = (status.st_mtime_ns, status.st_size)
        with self._lock:
            if seen != self._seen:
                self._seen = seen
                try:
                    self._serials |= serials_of(self._file.read_bytes(), self._ca)
                    _log.info(logging.REVOKED_READ, count=len(self._serials))
                except ValueError as error:
                    if strict:
                        raise
                    _log.error(logging.REVOKED_UNREADABLE, file=self._file.name, error=str(error))
            return self._serials


def serials_of(crl: bytes, ca: bytes) -> frozenset[int]:
    """Serial numbers on a PEM list that the CA (PEM) signed. Raises ValueError for anything else."""
    try:
        found = x509.load_pem_x509_crl(crl)
        keys = [certificate.public_key() for certificate in x509.load_pem_x509_certificates(ca)]
    except (ValueError, TypeError) as error:
        raise ValueError(f"no PEM list of revoked certificates: {error}") from error
    if not any(isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) and found.is_signature_valid(key) for key in keys):
        raise ValueError("it is not signed by the zone's CA")
    return frozenset(entry.serial_number for entry in found)
