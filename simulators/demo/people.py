"""The people of the demonstration: staff of the authority, of a bank, of the enterprise service, each at the interface they have in a real zone."""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime.clock import Timer, now
from nodes.runtime.web.request_document import SCORES, RequestDocument
from nodes.runtime.web.signed_requests import RequestSigner, sign_request
from nodes.runtime.web.tokens import read_token

TIMEOUT_S = 130.0
LOOK_S = 0.2


class Desk:
    """An HTTP interface of one process. A refusal becomes RpcRefusal with its reason."""

    def __init__(self, base: str, ca_file: Path, token_file: Path | None = None) -> None:
        headers = {} if token_file is None else {"Authorization": f"Bearer {read_token(token_file)}"}
        self.base = base
        self._client = httpx.Client(base_url=base, verify=ssl.create_default_context(cafile=str(ca_file)), headers=headers, timeout=TIMEOUT_S)

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The JSON answer. Raises RpcRefusal when the process refuses."""
        response = self._client.request(method, path, json=body)
        if response.is_success:
            answer: dict[str, Any] = response.json()
            return answer
        problem = response.json()
        raise RpcRefusal(problem["reason"], problem.get("detail", problem["title"]), str(response.status_code))

    def fetch(self, path: str) -> bytes | None:
        """The bytes of a public file; None where there is none. Raises PeerUnavailableError when nobody answers."""
        try:
            response = self._client.get(path)
        except httpx.TransportError as error:
            raise PeerUnavailableError(f"{self.base} does not answer: {error}") from error
        return response.content if response.is_success else None

    def send(self, document: RequestDocument) -> httpx.Response:
        """Send a signed request exactly as it was signed."""
        return self._client.request(document.method, document.target_uri, content=document.body.encode(), headers=list(document.headers))

    def close(self) -> None:
        self._client.close()


class Authority(Desk):
    """Staff of the authority at the gateway."""

    def open_epoch(self, epoch: str, period: str, model: str) -> None:
        self.call("POST", "/v1/epochs", {"epoch": epoch, "period": period, "model": model})

    def wait_for_columns(self, epoch: str, timeout_s: float, tell: Callable[[int, int], None]) -> None:
        """Return when every expected column has come. Raises NotReadyError naming the absent after ``timeout_s``."""
        timer = Timer(timeout_s)
        while True:
            columns = self.call("GET", f"/v1/epochs/{epoch}")["columns"]
            missing = sorted({column["member"] for column in columns if not column["received"]})
            tell(sum(column["received"] for column in columns), len(columns))
            if columns and not missing:
                return
            if timer.left_s() <= 0:
                raise NotReadyError(f"columns are missing from {', '.join(missing)}")
            threading.Event().wait(LOOK_S)

    def release(self, epoch: str, timeout_s: float, tell: Callable[[int, int], None]) -> None:
        """Close the epoch and return when it is RELEASED. Raises NotReadyError when the opening fails or takes longer than ``timeout_s``."""
        self.call("POST", f"/v1/epochs/{epoch}:close", {"allow_absent": False})
        timer = Timer(timeout_s)
        while (status := self.call("GET", f"/v1/epochs/{epoch}"))["state"] != "RELEASED":
            opening = status["opening"]
            tell(opening["batches_opened"], opening["batches_expected"])
            if opening["failed"] or timer.left_s() <= 0:
                raise NotReadyError(f"the totals of {epoch} were not opened: {opening['failed'] or 'too slow'}")
            threading.Event().wait(LOOK_S)

    def wait_usable(self, timeout_s: float) -> None:
        """Return when the gateway says that the zone's key is usable. Raises NotReadyError after ``timeout_s``."""
        timer = Timer(timeout_s)
        while not self._client.get("/readyz").is_success:
            if timer.left_s() <= 0:
                raise NotReadyError(f"the zone's key is not usable after {timeout_s:g} s")
            threading.Event().wait(LOOK_S)

    def records(self, epoch: str) -> list[dict[str, Any]]:
        """The opening of every batch, in the form that an auditor checks."""
        found: list[dict[str, Any]] = self.call("GET", f"/v1/epochs/{epoch}/records")["records"]
        return found

    def rankings(self, epoch: str) -> list[dict[str, Any]]:
        """The model's lists of the best of each stage: id, title, functional, and subjects by stage, best first."""
        found: list[dict[str, Any]] = self.call("GET", f"/v1/epochs/{epoch}/rankings")["rankings"]
        return found

    def totals(self, epoch: str) -> list[dict[str, Any]]:
        """Released totals in roster order: subject, stage, hundredths, gated, percentile."""
        found: list[dict[str, Any]] = self.call("GET", f"/v1/epochs/{epoch}/totals")["totals"]
        return found


class EnterpriseService(Desk):
    """Staff of the county's enterprise service, for the enterprises that let it keep their keys."""

    def enrol(self, uscc: str) -> dict[str, Any]:
        return self.call("POST", "/enrolments", {"uscc": uscc})

    def consent(self, uscc: str, audience: str, product: str) -> str:
        """A consent to ``audience`` for a loan; its id."""
        answer = self.call("POST", "/consents", {"uscc": uscc, "audience": audience, "purpose": "loan", "products": [product]})
        return str(answer["id"])

    def revoke(self, consent_id: str) -> None:
        self.call("DELETE", f"/consents/{consent_id}")

    def portrait(self, uscc: str) -> dict[str, Any]:
        return self.call("POST", "/portraits", {"uscc": uscc})


class Bank(Desk):
    """A clerk at one bank's node."""

    def query(self, subject: str, product: str) -> dict[str, Any]:
        """The verified score of an enterprise, with its receipt's id."""
        return self.call("POST", "/queries", {"subject": subject, "product": product})

    def wait_for_consent(self, consent_id: str, timeout_s: float) -> None:
        """Return when the bank's node has received the consent. Raises NotReadyError after ``timeout_s``."""
        timer = Timer(timeout_s)
        while all(held["id"] != consent_id for held in self.call("GET", "/consents")["consents"]):
            if timer.left_s() <= 0:
                raise NotReadyError(f"the bank has not received the consent after {timeout_s:g} s")
            threading.Event().wait(LOOK_S)

    def receipt(self, receipt_id: str) -> dict[str, Any]:
        return self.call("GET", f"/receipts/{receipt_id}")


def score_request(signer: RequestSigner, gateway: str, subject: str, product: str, consent_id: str) -> RequestDocument:
    """A bank's signed request, as any bank's own program would make it."""
    body = json.dumps({"subject": subject, "product": product, "purpose": "loan", "consent_id": consent_id}).encode()
    return sign_request(signer, SCORES, gateway, body, now=now(), nonce=secrets.token_urlsafe(24))
