"""Who is in the demonstration's zone, and which process acts for whom. Invented organisations in real divisions (GB/T 2260)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from scoring.exchange.registry import PRODUCTION_WITNESSES
from scoring.statements import DisclosurePolicy, Role, Title

Level = Literal["", "province", "city", "county"]
ZONE = "hangzhou-binjiang"
TITLE = Title(zh="杭州高新区(滨江)", en="Hangzhou High-tech Zone (Binjiang)")
FIRST_PORT = 8443


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """One organisation to be registered. ``listens``: other members connect to it, so its certificate serves."""

    id: str
    title: Title
    roles: tuple[Role, ...]
    division: str = ""
    level: Level = ""
    department: str = ""
    listens: bool = False


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """One process: its name (and directory), the member that it acts for, the role tables of its configuration, whether it listens."""

    name: str
    member: str
    tables: tuple[str, ...]
    listens: bool = False


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """A zone to be made. ``threshold`` of the custodians open; ``witnesses_required`` of ``witnesses`` (default: all with the role)
    must cosign, those of ``outside`` being other zones' or bodies'. Fewer than three, or none outside, make a zone for development."""

    zone: str
    title: Title
    members: tuple[MemberPlan, ...]
    processes: tuple[ProcessPlan, ...]
    threshold: int = 3
    witnesses_required: int = 1
    checkpoint_max_age_s: int = 300
    witnesses: tuple[str, ...] | None = None
    outside: tuple[str, ...] = ()
    disclosure: DisclosurePolicy = field(default=DisclosurePolicy())

    @property
    def witness_members(self) -> tuple[MemberPlan, ...]:
        """Members whose keys the witness policy names."""
        found = self.with_role("witness")
        return found if self.witnesses is None else tuple(member for member in found if member.id in self.witnesses)

    @property
    def development(self) -> bool:
        """Whether the witnesses are too few for production [L5]."""
        return len(self.witness_members) < PRODUCTION_WITNESSES or not self.outside

    def member(self, member_id: str) -> MemberPlan:
        """The member planned under this id. Raises KeyError."""
        return {member.id: member for member in self.members}[member_id]

    def with_role(self, role: Role) -> tuple[MemberPlan, ...]:
        """Members with ``role``, in the plan's order."""
        return tuple(member for member in self.members if role in member.roles)


def _department(member_id: str, zh: str, en: str, place: tuple[str, Level], department: str, *more: Role) -> MemberPlan:
    return MemberPlan(member_id, Title(zh=zh, en=en), ("department", *more), place[0], place[1], department)


_PROVINCE: tuple[str, Level] = ("330000", "province")
_CITY: tuple[str, Level] = ("330100", "city")
_COUNTY: tuple[str, Level] = ("330108", "county")

MEMBERS = (
    MemberPlan("authority", Title(zh="滨江区科技局", en="Binjiang science bureau"), ("authority", "gateway"), "330108", "county", listens=True),
    MemberPlan("coordinator", Title(zh="协调节点", en="Coordinator"), ("coordinator",), listens=True),
    MemberPlan("log", Title(zh="交换日志", en="Exchange log"), ("log",), listens=True),
    MemberPlan("auditor", Title(zh="审计局", en="Auditor"), ("auditor", "witness")),
    _department("tax-hangzhou", "杭州市税务局", "Hangzhou tax bureau", _CITY, "tax", "custodian"),
    _department("market-zhejiang", "浙江省市场监督管理局", "Zhejiang market supervision", _PROVINCE, "market", "registrar"),
    _department("science-binjiang", "滨江区科技统计中心", "Binjiang science statistics", _COUNTY, "science"),
    _department("insurance-hangzhou", "杭州市社会保险中心", "Hangzhou social insurance", _CITY, "insurance"),
    _department("ip-zhejiang", "浙江省知识产权局", "Zhejiang intellectual property office", _PROVINCE, "ip"),
    _department("credit-binjiang", "滨江区信用办", "Binjiang credit office", _COUNTY, "credit", "custodian"),
    MemberPlan("notary-hangzhou", Title(zh="杭州市公证处", en="Hangzhou notary"), ("custodian",)),
    MemberPlan("archive-zhejiang", Title(zh="浙江省档案馆", en="Zhejiang archive"), ("custodian",)),
    MemberPlan("university-hangzhou", Title(zh="杭州某大学", en="A university in Hangzhou"), ("custodian",)),
    MemberPlan("bank-a", Title(zh="甲银行", en="Bank A"), ("bank",)),
    MemberPlan("bank-b", Title(zh="乙银行", en="Bank B"), ("bank",)),
    MemberPlan("enterprise-binjiang", Title(zh="滨江区企业码服务", en="Binjiang enterprise service"), ("enterprise-service",), "330108", "county"),
)


MORE_WITNESSES = (
    MemberPlan("data-zhejiang", Title(zh="浙江省数据局", en="Zhejiang data bureau"), ("witness",)),
    MemberPlan("zone-ningbo", Title(zh="宁波高新区", en="Ningbo high-tech zone"), ("witness",)),
)
"""Who witnesses beside the auditor where two of three must; the second is a peer zone."""


def _processes(members: tuple[MemberPlan, ...]) -> tuple[ProcessPlan, ...]:
    tables: dict[str, str] = {
        "department": "department", "custodian": "custodian", "bank": "bank", "enterprise-service": "enterprise",
        "coordinator": "coordinator", "log": "log", "gateway": "gateway", "auditor": "auditor", "witness": "auditor",
    }  # fmt: skip
    plans = []
    for member in members:
        found = tuple(dict.fromkeys(tables[role] for role in member.roles if role in tables))
        listens = bool({"bank", "enterprise", "coordinator", "log", "gateway"} & set(found))
        plans.append(ProcessPlan("gateway" if "gateway" in found else member.id, member.id, found, listens))
    return tuple(plans)


def demo_plan(zone: str = ZONE, *, threshold: int = 3, witnesses: int = 1) -> ZonePlan:
    """The demonstration's zone: six departments (two carry the custodian's role), three custodians, two banks, an enterprise service,
    coordinator, log, gateway (the authority's front) and an auditor who witnesses: alone, or as one of three of which two must.

    Raises ValueError for another number of witnesses than 1 or 3.
    """
    if witnesses not in {1, 3}:
        raise ValueError("the plan has one witness, or three")
    if witnesses == 1:
        return ZonePlan(zone, TITLE, MEMBERS, _processes(MEMBERS), threshold)
    members = (*MEMBERS, *MORE_WITNESSES)
    return ZonePlan(zone, TITLE, members, _processes(members), threshold, witnesses_required=2, outside=("zone-ningbo",))


def with_members(plan: ZonePlan, *members: MemberPlan) -> ZonePlan:
    """The plan with more members, each with its process."""
    return replace(plan, members=plan.members + members, processes=plan.processes + _processes(members))
