"""The stand-in as a process of its own, which is given its own folder: settings, accounts, the client's secret, its signing key.

``python -m simulators.identity.serving FOLDER`` serves until it is told to end.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from joserfc.jwk import ECKey

from crypto.encoding import canonical_json
from nodes.errors import PeerUnavailableError
from nodes.runtime.clock import now
from nodes.runtime.files import make_private_directory, read_private, write_private
from nodes.runtime.settings import ENV_PREFIX
from nodes.runtime.web.server import WebServer
from simulators.identity.accounts import Account
from simulators.identity.app import create_app
from simulators.identity.provider import Client, IdentityProvider

SETTINGS, ACCOUNTS, SECRET, KEY = "settings.json", "accounts.json", "client.secret", "key.json"
CLIENT_ID = "xinqiao-enterprise"
READY = "ready"
END_S = 10.0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the stand-in and its client agree on."""

    issuer: str
    redirect_uri: str
    secret_file: Path


def arrange(folder: Path, port: int, redirect_uri: str, accounts: Sequence[Account]) -> Arrangement:
    """Write the folder of a stand-in on this machine's ``port`` for one client, with a fresh secret and key."""
    make_private_directory(folder)
    issuer = f"http://localhost:{port}"
    write_private(folder / SETTINGS, canonical_json({"port": port, "issuer": issuer, "client": CLIENT_ID, "redirect_uri": redirect_uri}))
    write_private(folder / ACCOUNTS, canonical_json([account.to_json() for account in accounts]))
    write_private(folder / SECRET, secrets.token_urlsafe(32).encode())
    key = ECKey.generate_key("P-256", auto_kid=True)
    write_private(folder / KEY, canonical_json(key.as_dict(private=True)))
    return Arrangement(issuer, redirect_uri, folder / SECRET)


def provider_of(folder: Path) -> tuple[IdentityProvider, tuple[str, ...], int]:
    """The provider of a folder, the origins that its forms lead to, and its port."""
    settings = json.loads(read_private(folder / SETTINGS))
    client = Client(settings["client"], read_private(folder / SECRET).decode(), (settings["redirect_uri"],))
    accounts = [Account.from_json(item) for item in json.loads(read_private(folder / ACCOUNTS))]
    provider = IdentityProvider(settings["issuer"], client, accounts, ECKey.import_key(json.loads(read_private(folder / KEY))), now)
    target = urlsplit(settings["redirect_uri"])
    return provider, (f"{target.scheme}://{target.netloc}",), settings["port"]


def serve(folder: Path) -> None:
    """Serve ``folder`` until SIGTERM or SIGINT; says READY on standard output once it listens."""
    provider, targets, port = provider_of(folder)
    server = WebServer(create_app(provider, targets), f"127.0.0.1:{port}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    server.run()


class Standin:
    """The stand-in of ``folder``, running as a process from ``start`` to ``close``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; afterwards it answers. Raises PeerUnavailableError when it does not."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ENV_PREFIX)}
        command = [sys.executable, "-m", Standin.__module__, str(self._folder)]
        self._running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        assert self._running.stdout is not None
        if self._running.stdout.readline().strip() != READY:
            raise PeerUnavailableError(f"the identity provider in {self._folder} did not start: is its port taken? (code {self._running.wait()})")

    def close(self) -> None:
        """End it, when it runs."""
        running, self._running = self._running, None
        if running is None:
            return
        running.terminate()
        try:
            running.wait(END_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        if running.stdout is not None:
            running.stdout.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
