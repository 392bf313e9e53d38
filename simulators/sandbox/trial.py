"""Sends the cases to a zone that runs, and compares what is answered."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from nodes.errors import PeerUnavailableError, SettingsError
from nodes.runtime.clock import Clock, now
from nodes.runtime.peers.identity import load_signing_key
from nodes.runtime.web.tokens import read_token
from simulators.sandbox.cases import BY_NAME, Asking, Bench, Case
from simulators.sandbox.requests import Sent
from simulators.zone.configs import read_endpoints

Send = Callable[[Sent], httpx.Response]
TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Tried:
    """A case, the request that was sent last, and what was answered."""

    case: Case
    sent: Sent
    status: int
    reason: str
    detail: str

    @property
    def as_told(self) -> bool:
        """Whether the zone answered as the case says."""
        return (self.status, self.reason) == (self.case.status, self.case.reason)

    def to_json(self) -> dict[str, Any]:
        """For programs: the request in full, to be compared with one's own."""
        return {
            "case": self.case.name, "does": self.case.does, "expected": {"status": self.case.status, "reason": self.case.reason},
            "answered": {"status": self.status, "reason": self.reason, "detail": self.detail}, "as_told": self.as_told,
            "request": {
                "method": self.sent.method, "url": self.sent.url, "headers": [list(line) for line in self.sent.headers],
                "body": self.sent.body.decode()[:2000],
            },
        }  # fmt: skip


def chosen(names: Iterable[str]) -> list[Case]:
    """Cases by name; all where none is named. Raises SettingsError for one that there is not."""
    wanted = list(names)
    if unknown := [name for name in wanted if name not in BY_NAME]:
        raise SettingsError(f"no case {', '.join(unknown)}; there are: {', '.join(BY_NAME)}")
    return [BY_NAME[name] for name in wanted] if wanted else list(BY_NAME.values())


def try_cases(cases: Iterable[Case], bench: Callable[[], Bench], send: Send) -> Iterator[Tried]:
    """Each case with what is answered; one that needs a withdrawn consent, where there is none, is passed over. ``bench`` is made anew for
    each, since requests have a time."""
    for case in cases:
        requests = case.make(bench())
        for number, sent in enumerate(requests, 1):
            response = send(sent)
            if number == len(requests):
                problem = response.json() if response.status_code >= 400 else {}
                yield Tried(case, sent, response.status_code, str(problem.get("reason", "")), str(problem.get("detail", problem.get("title", ""))))


class RunningZone:
    """A zone that a demonstration keeps running in ``directory``, with ``bank`` as the engineer's and its test key.

    Raises SettingsError when there is no such zone, or nobody has consented to the bank.
    """

    def __init__(self, directory: Path, bank: str = "bank-a", clock: Clock = now) -> None:
        if not (directory / "endpoints.json").exists() or not (directory / "members" / bank / "sign.pem").exists():
            raise SettingsError(f"{directory} holds no zone with {bank}: `xinqiao sandbox up --out {directory}` makes one")
        endpoints = read_endpoints(directory)
        self.base = str(endpoints["gateway"])
        members = directory / "members"
        self.key_file = members / bank / "sign.pem"
        self._key = load_signing_key(bank, self.key_file)
        other = next(name for name in endpoints["bank"] if name != bank)
        self._other = load_signing_key(other, members / other / "sign.pem")
        self._clock = clock
        context = ssl.create_default_context(cafile=str(directory / "public" / "ca.pem"))
        self._client = httpx.Client(verify=context, timeout=TIMEOUT_S, trust_env=False)
        self._consents = self._held(endpoints["bank"][bank], directory / "state" / bank / "api.token")
        if all(item["revoked"] for item in self._consents):
            raise SettingsError(f"nobody has consented to {bank} in this zone")

    def bench(self) -> Bench:
        """What cases are made from, now."""
        open_ones = [item for item in self._consents if not item["revoked"]]
        ended = [item for item in self._consents if item["revoked"]]
        return Bench(self._key, self._other, self.base, self._clock(), _asking(open_ones[0]), _asking(ended[0]) if ended else None)

    def send(self, sent: Sent) -> httpx.Response:
        """Send a request exactly as it is. Raises PeerUnavailableError."""
        try:
            return self._client.request(sent.method, sent.url, headers=list(sent.headers), content=sent.body)
        except httpx.TransportError as error:
            raise PeerUnavailableError(f"{self.base}: {str(error) or type(error).__name__}; is the zone running?") from error

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def _held(self, bank: str, token_file: Path) -> list[dict[str, Any]]:
        try:
            answer = self._client.get(f"{bank}/consents", headers={"Authorization": f"Bearer {read_token(token_file)}"})
        except httpx.TransportError as error:
            raise PeerUnavailableError(f"{bank}: {str(error) or type(error).__name__}; is the zone running?") from error
        found: list[dict[str, Any]] = json.loads(answer.content)["consents"]
        return found


def _asking(item: dict[str, Any]) -> Asking:
    return Asking(item["subject"], item["products"][0], item["id"])
