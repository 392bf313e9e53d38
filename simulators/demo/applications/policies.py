"""Policies in the demonstration: a policy and a library evaluated under encryption; an official puts a text in force, an enterprise confirms."""

from __future__ import annotations

import csv
import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from nodes.errors import NotReadyError, RpcRefusal
from nodes.packs import read_pack
from nodes.policies import shipped_policies
from nodes.runtime.clock import Timer
from nodes.runtime.files import read_private
from nodes.runtime.pages.language import ZONE as CHINA
from scoring.indicators.model import Model
from scoring.policies.policy import Policy
from simulators.demo.people import LOOK_S, TIMEOUT_S, Authority, EnterpriseService
from simulators.population.tables import Firm

POLICY, LIBRARY = "high-growth", "national-htc"
LOGGED_TIMEOUT_S = 60.0
_FORM = re.compile(r'name="form" value="([^"]+)"')


def further_models() -> tuple[Model, ...]:
    """The flag models of the demonstration's library and policy, for whatever zone; in this order they pass the lint over one data period [P7.1]."""
    return anywhere(read_pack(LIBRARY)), anywhere(read_pack(_policy().flags))


def anywhere(model: Model) -> Model:
    """The model as one made for no zone: where a zone lies is for its own model to say."""
    return replace(model, pack=model.pack.model_copy(update={"zone": "any"}))


class Official:
    """The authority's person at the gateway's pages, with the forms that the pages have."""

    def __init__(self, base: str, ca_file: Path, name: str, password: str) -> None:
        verify = ssl.create_default_context(cafile=str(ca_file))
        self._client = httpx.Client(base_url=base, verify=verify, headers={"accept": "text/html"}, timeout=TIMEOUT_S)
        self.send("/sign-in", "/sign-in", name=name, password=password, next="")

    def send(self, page: str, path: str, **fields: str) -> None:
        """Fill in a form that stands on ``page`` and send it to ``path``. Raises RpcRefusal."""
        found = _FORM.search(self._client.get(page).text)
        answer = self._client.post(path, data={"form": "" if found is None else found[1], **fields})
        if not answer.is_redirect:
            raise RpcRefusal("FORM_REFUSED", f"{path}: {answer.status_code}", str(answer.status_code))

    def forms(self, page: str) -> list[str]:
        """Where the forms of a page below it lead."""
        return re.findall(rf'action="({page}/[^"]+)"', self._client.get(page).text)

    def companies(self, path: str) -> set[str]:
        """The names in the first column of a list that pages offer as a file."""
        return {row[0] for row in csv.reader(self._client.get(path).text.lstrip("\ufeff").splitlines())}

    def close(self) -> None:
        """End the connection."""
        self._client.close()


@dataclass(frozen=True, slots=True)
class Town:
    """Whom the policies concern: staff, the enterprise service, and who the enterprises are (the demonstration alone knows)."""

    authority: Authority
    service: EnterpriseService
    firms: Mapping[str, Firm]
    period: str
    timeout_s: float


def evaluate_flags(town: Town, tell: Callable[[int, int], None]) -> None:
    """An epoch of each flag model over the zone's roster."""
    for model in further_models():
        epoch = f"{model.id}-{town.period}"
        town.authority.open_epoch(epoch, town.period, model.id)
        town.authority.wait_for_columns(epoch, town.timeout_s, tell)
        town.authority.release(epoch, town.timeout_s, tell)


def begin_for_visitors(out: Path, gateway: str, epoch: str) -> None:
    """What people who come find begun: candidates of a list are asked for a week, and the compensation pool has its first deposit."""
    until = (datetime.now(CHINA) + timedelta(days=7)).date().isoformat()
    with closing(_official(out, gateway, "chief")) as official:
        words = {"zh": "科技企业500强（演示）", "en": "500 best enterprises (demonstration)"}
        official.send("/publications/new", "/publications/new", epoch=epoch, kind="best", count="500", until=until, **words)
        official.send("/pool", "/pool", act="deposit", amount="10000000", party="区财政局（演示）")
    with closing(_official(out, gateway, "deputy")) as second:
        second.send("/pool", second.forms("/pool")[0], act="release")


def pay_without_application(town: Town, out: Path, gateway: str) -> dict[str, Any]:
    """The policy in force, its matches pushed, the first of them confirmed with its own key and put on public notice. What came of it."""
    town.authority.call("POST", "/v1/policies", _policy().model_dump(mode="json"))
    with closing(_official(out, gateway, "chief")) as official:
        page = f"/policies/{POLICY}"
        for action in ("confirm-rest", "publish", "compare-all"):
            official.send("/payments", f"{page}/{action}")
        matched = _settled(town)
        if matched["claims"].get("matched", 0):
            uscc = _confirm(town, official)
            official.send("/payments", f"{page}/notice-all")
            matched = _settled(town)
            missing = town.service.call("POST", f"/policies/{uscc}/missing", {"model": _policy().flags})["missing"]
            return {"policy": POLICY, "claims": matched["claims"], "confirmed": uscc, "missing": len(missing)}
        return {"policy": POLICY, "claims": matched["claims"]}


def _official(out: Path, gateway: str, name: str) -> Official:
    accounts = json.loads(read_private(out / "accounts.json"))
    account = next(account for account in accounts if account["name"] == name)
    return Official(gateway, out / "public" / "ca.pem", name, account["password"])


def _policy() -> Policy:
    return next(policy for policy in shipped_policies() if policy.id == POLICY)


def _confirm(town: Town, official: Official) -> str:
    """The first enterprise of the official's list of claims confirms; its code."""
    asked = official.companies(f"/policies/{POLICY}/claims?format=csv")
    firm = min((firm for firm in town.firms.values() if firm.company in asked), key=lambda item: item.uscc)
    town.service.enrol(firm.uscc)
    payee = {"name": firm.company, "bank": "演示银行营业部", "account": "6222000000000001"}
    town.service.call("POST", f"/policies/{firm.uscc}/{POLICY}/steps", {"step": "confirmed", "payee": payee})
    return firm.uscc


def _settled(town: Town) -> dict[str, Any]:
    """The policy as staff see it, once every step is in the log."""
    timer = Timer(LOGGED_TIMEOUT_S)
    while town.authority.call("GET", "/v1/policies")["sending"]:
        if timer.left_s() <= 0:
            raise NotReadyError("steps of claims are still on their way to the log")
        threading.Event().wait(LOOK_S)
    return town.authority.call("GET", f"/v1/policies/{POLICY}")
