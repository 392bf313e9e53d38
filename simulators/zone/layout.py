"""Who is in the demonstration's zone, and which process acts for whom. Invented organisations in real divisions (GB/T 2260)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from scoring.exchange.registry import PRODUCTION_WITNESSES
from scoring.exchange.validity import VALIDITY_S
from scoring.indicators.model import Model
from scoring.rules.stages import Level, Owner
from scoring.statements import DisclosurePolicy, Role, Title
from scoring.statements.lending import InstitutionKind
from simulators.zone.places import HOME, Kind, Place, kind_of, kind_rank, place_of

ZONE = HOME.zone
FIRST_PORT = 8443
DEPARTMENT_CUSTODIANS = 2
REGISTRAR_DEPARTMENT = "market"
NOT_DEPARTMENTS = frozenset({"bank"})  # banks may own records too; they are members already
HOME_OWNERS = (
    Owner(department="tax", level="city"),
    Owner(department="market", level="province"),
    Owner(department="science", level="county"),
    Owner(department="insurance", level="city"),
    Owner(department="ip", level="province"),
    Owner(department="credit", level="county"),
)
"""Who owns the records of hangzhou-binjiang, and of firm-panel."""


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """One organisation to be registered. ``listens``: other members connect to it, so its certificate serves. ``kind``: of an institution."""

    id: str
    title: Title
    roles: tuple[Role, ...]
    division: str = ""
    level: Literal["", "province", "city", "county"] = ""
    department: str = ""
    listens: bool = False
    kind: InstitutionKind = "bank"


@dataclass(frozen=True, slots=True)
class ZoneSize:
    """How many there are of those whose number no model decides: 2 to 7 custodians, up to two of them departments; 1 or 2 banks."""

    custodians: int = 5
    banks: int = 2


USUAL: Final = ZoneSize()


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
    validity_s: int | None = VALIDITY_S  # of the registry
    place: Place = HOME

    @property
    def registrar(self) -> MemberPlan:
        """The department that compiles the roster."""
        return self.with_role("registrar")[0]

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


PEER_ZONE = MemberPlan("zone-ningbo", Title(zh="宁波高新区", en="Ningbo high-tech zone"), ("witness",))
"""Witnesses, from outside the zone, beside the auditor and the province's data bureau where two of three must."""


BANKS = (
    MemberPlan("bank-a", Title(zh="甲银行", en="Bank A"), ("bank",)),
    MemberPlan("bank-b", Title(zh="乙银行", en="Bank B"), ("bank",)),
)
INSTITUTIONS = (
    MemberPlan("insurer", Title(zh="某保险公司", en="An insurer"), ("bank",), kind="insurer"),
    MemberPlan("guarantor", Title(zh="某融资担保公司", en="A guarantor"), ("bank",), kind="guarantor"),
    MemberPlan("lessor", Title(zh="某融资租赁公司", en="A lessor"), ("bank",), kind="lessor"),
    MemberPlan("investor", Title(zh="某创投基金", en="An investor"), ("bank",), kind="investor"),
)
"""An institution of every other kind: for ``with_members``. Where a model sums loan books, theirs are among them [M7]."""


def plan_for(models: Sequence[Model], zone: str = "", *, threshold: int = 3, witnesses: int = 1, size: ZoneSize = USUAL) -> ZonePlan:
    """A zone for ``models``: the departments that own a record of them, in the place that the first is made for.

    Besides: a registrar, custodians (up to two of them departments), banks, an enterprise service, coordinator, log, gateway (the
    authority's front) and an auditor who witnesses: alone, or as one of three of which two must. ``zone``: the place's id when empty.
    Raises ValueError for another number of witnesses than 1 or 3.
    """
    records = [record.owner for model in models for record in model.pack.records.values()]
    owners = [owner for owner in records if isinstance(owner, Owner)] + [model.stage_owner for model in models]
    return _plan(place_of(models), owners, zone, threshold, witnesses, size)


def demo_plan(zone: str = ZONE, *, threshold: int = 3, witnesses: int = 1) -> ZonePlan:
    """The plan for hangzhou-binjiang and firm-panel: six departments, of which tax and credit are custodians. Raises as ``plan_for``."""
    return _plan(HOME, HOME_OWNERS, zone, threshold, witnesses)


def with_members(plan: ZonePlan, *members: MemberPlan) -> ZonePlan:
    """The plan with more members, each with its process."""
    return replace(plan, members=plan.members + members, processes=plan.processes + _processes(members))


def data_bureau(place: Place) -> MemberPlan:
    """The province's data bureau: a witness within the zone beside the auditor."""
    return MemberPlan(f"data-{place.province.id}", Title(zh=f"{place.province.zh}数据局", en=f"{place.province.en} data bureau"), ("witness",))


def _plan(place: Place, owners: Iterable[Owner], zone: str, threshold: int, witnesses: int, size: ZoneSize = USUAL) -> ZonePlan:
    if witnesses not in {1, 3}:
        raise ValueError("the plan has one witness, or three")
    members = _members(place, _departments(place, owners), size)
    plan = ZonePlan(zone or place.zone, place.title, members, _processes(members), threshold, place=place)
    if witnesses == 1:
        return plan
    return replace(with_members(plan, data_bureau(place), PEER_ZONE), witnesses_required=2, outside=(PEER_ZONE.id,))


def _department(place: Place, kind: Kind, level: Level, *more: Role) -> MemberPlan:
    of = place.at(level)
    name = f"{kind.id}-{of.id}"
    return MemberPlan(name, Title(zh=of.zh + kind.zh, en=f"{of.en} {kind.en}"), ("department", *more), of.code, level, kind.id)


def _members(place: Place, departments: tuple[MemberPlan, ...], size: ZoneSize) -> tuple[MemberPlan, ...]:
    """Everybody: the common members, ``departments``, as many independent custodians as are lacking, banks, the enterprise service."""
    county, city, province = place.counties[0], place.city, place.province
    authority = Title(zh=f"{county.zh}科技局", en=f"{county.en} science bureau")
    independent = (
        MemberPlan(f"notary-{city.id}", Title(zh=f"{city.zh}公证处", en=f"{city.en} notary"), ("custodian",)),
        MemberPlan(f"archive-{province.id}", Title(zh=f"{province.zh}档案馆", en=f"{province.en} archive"), ("custodian",)),
        MemberPlan(f"university-{city.id}", Title(zh=f"{city.short}某大学", en=f"A university in {city.en}"), ("custodian",)),
        MemberPlan(f"arbitration-{city.id}", Title(zh=f"{city.zh}仲裁委员会", en=f"{city.en} arbitration commission"), ("custodian",)),
        MemberPlan(f"library-{province.id}", Title(zh=f"{province.zh}图书馆", en=f"{province.en} library"), ("custodian",)),
    )
    held = sum("custodian" in member.roles for member in departments)
    service = Title(zh=f"{county.zh}企业码服务", en=f"{county.en} enterprise service")
    return (
        MemberPlan("authority", authority, ("authority", "gateway"), county.code, "county", listens=True),
        MemberPlan("coordinator", Title(zh="协调节点", en="Coordinator"), ("coordinator",), listens=True),
        MemberPlan("log", Title(zh="交换日志", en="Exchange log"), ("log",), listens=True),
        MemberPlan("auditor", Title(zh="审计局", en="Auditor"), ("auditor", "witness")),
        *departments,
        *independent[: size.custodians - held],
        *BANKS[: size.banks],
        MemberPlan(f"enterprise-{county.id}", service, ("enterprise-service",), county.code, "county"),
    )


def _departments(place: Place, owners: Iterable[Owner]) -> tuple[MemberPlan, ...]:
    """The owners as members, and a registrar; two of them, tax and credit where they are, carry the custodian's role too."""
    found: set[tuple[str, Level]] = {(owner.department, owner.level) for owner in owners if owner.department not in NOT_DEPARTMENTS}
    if not any(department == REGISTRAR_DEPARTMENT for department, _ in found):
        found.add((REGISTRAR_DEPARTMENT, "province"))
    ordered = sorted(found, key=lambda item: (kind_rank(item[0]), get_args(Level).index(item[1])))
    registrar = next(item for item in ordered if item[0] == REGISTRAR_DEPARTMENT)
    others = sorted((item for item in ordered if item != registrar), key=lambda item: item[0] not in {"tax", "credit"})
    custodians = others[:DEPARTMENT_CUSTODIANS]
    roles: dict[tuple[str, Level], tuple[Role, ...]] = {registrar: ("registrar",), **dict.fromkeys(custodians, ("custodian",))}
    return tuple(_department(place, kind_of(item[0]), item[1], *roles.get(item, ())) for item in ordered)


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
