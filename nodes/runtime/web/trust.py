"""TLS of HTTP interfaces while files are replaced: what a server shows to each new connection, whom a client believes at each handshake."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

from cryptography import x509

from nodes.errors import CallerError, IdentityError
from nodes.runtime.peers.identity import CERTIFICATE_REFUSED, CERTIFICATE_TAKEN
from nodes.runtime.peers.revoked import LIST_NAME, RevokedCertificates
from nodes.runtime.standing.watched import Watched


def shown(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server's context: every connection is shown the pair of files as it is then, or as it was while it did not fit.

    Raises OSError or ssl.SSLError (an OSError) when the pair cannot be used at first.
    """
    begun = False

    def load() -> ssl.SSLContext:
        nonlocal begun
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if begun:
            _check_in_force(certificate)
        begun = True
        return context

    contexts = Watched([certificate, key], load, CERTIFICATE_TAKEN, CERTIFICATE_REFUSED)
    first = contexts.now()

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = contexts.now()

    first.sni_callback = choose
    return first


def believing(ca_file: Path) -> ssl.SSLContext:
    """A client's context: the other side's certificate comes from a CA of ``ca_file`` and is on no list of revoked ones beside it.

    Raises SettingsError when there is a list that cannot be read, OSError when the CA cannot.
    """
    revoked = RevokedCertificates(ca_file.with_name(LIST_NAME), ca_file.read_bytes)
    context = ssl.create_default_context(cafile=str(ca_file))
    context.sslsocket_class = _checking(revoked)
    return context


def _checking(revoked: RevokedCertificates) -> type[ssl.SSLSocket]:
    class Checking(ssl.SSLSocket):
        """Looks at the list of revoked certificates before the first byte is sent."""

        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            shown = self.getpeercert(binary_form=True)
            leaf = x509.load_der_x509_certificate(shown or b"")
            try:
                revoked.check((leaf.issuer.public_bytes(), leaf.serial_number))
            except CallerError as error:
                raise ssl.SSLCertVerificationError(str(error)) from error

    return Checking


def _check_in_force(certificate: Path) -> None:
    leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    if not leaf.not_valid_before_utc.timestamp() <= time.time() <= leaf.not_valid_after_utc.timestamp():
        raise IdentityError(f"{certificate} is not in force")
