"""A zone on one machine: what is made for it fits together, is private where it must be, and every configuration loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from crypto.notes import parse_vkey
from crypto.statements import VerifyKey, check_signature, parse_envelope
from gateway.settings import GatewaySettings
from nodes.auditor.settings import AuditorSettings
from nodes.bank.settings import BankSettings
from nodes.commands.node import program_of
from nodes.coordinator.settings import CoordinatorSettings
from nodes.custodian.admission import Case, lint_case
from nodes.custodian.settings import CustodianSettings
from nodes.department.settings import DepartmentSettings
from nodes.enterprise.settings import EnterpriseSettings
from nodes.errors import SettingsError
from nodes.log.__main__ import LogSettings
from nodes.packs import shipped_pack, shipped_packs
from nodes.runtime.files import read_private
from nodes.runtime.peers.identity import Identity, certificate_uris, server_name
from nodes.runtime.settings import NodeSettings, role_of
from scoring.disclosure.audiences import registered
from scoring.disclosure.countersigning import check_acceptances
from scoring.errors import ModelError, ModelLeaksError
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import load_pack
from scoring.release.ceremony import check_ceremony, open_share
from scoring.statements import Ceremony, DisclosurePolicy, ModelAdmitted, Registry, WitnessPolicy, parse_statement
from simulators.zone.authority import linted, make_zone
from simulators.zone.build import build_zone, processes_of
from simulators.zone.configs import choose_addresses, free_ports, to_toml, write_configs
from simulators.zone.layout import ZonePlan, demo_plan, plan_for

SETTINGS: dict[str, type[NodeSettings]] = {
    "auditor": AuditorSettings,
    "bank": BankSettings,
    "coordinator": CoordinatorSettings,
    "custodian": CustodianSettings,
    "department": DepartmentSettings,
    "enterprise": EnterpriseSettings,
    "gateway": GatewaySettings,
    "log": LogSettings,
}
PLAN = demo_plan()
PROCESSES = [process.name for process in PLAN.processes]


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zone with a 2048-bit key, the least that its processes accept."""
    directory = tmp_path_factory.mktemp("zone") / "zone"
    steps: list[str] = []
    build_zone(PLAN, directory, [shipped_pack("firm-panel")], key_bits=2048, base_port=18443, progress=steps.append)
    assert "passes the admission lint" in steps[0]
    assert steps[1:4] == ["certificate authority", "members", "registry"]
    assert steps[-1] == "ceremony: sign"
    return directory


def registry_of(zone: Path) -> Registry:
    envelope = parse_envelope((zone / "public" / "registry.dsse.json").read_bytes())
    statement = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(statement, Registry)
    return statement


def ceremony_of(zone: Path) -> Ceremony:
    envelope = parse_envelope((zone / "public" / "ceremony.dsse.json").read_bytes())
    statement = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(statement, Ceremony)
    return statement


def test_the_demonstration_has_the_parties_that_it_should() -> None:
    assert len([name for name in PROCESSES if PLAN.member({p.name: p.member for p in PLAN.processes}[name]).department]) == 6
    assert [member.id for member in PLAN.with_role("custodian")] == [
        "tax-hangzhou", "credit-binjiang", "notary-hangzhou", "archive-zhejiang", "university-hangzhou",
    ]  # fmt: skip
    assert {member.level for member in PLAN.with_role("department")} == {"province", "city", "county"}
    assert {member.id for member in PLAN.members if member.listens} == {"coordinator", "log", "authority"}
    assert {process.name: process.member for process in PLAN.processes if process.name != process.member} == {"gateway": "authority"}


@pytest.mark.parametrize("name", PROCESSES)
def test_every_configuration_loads_with_its_roles_settings_and_its_keys_fit(name: str, zone: Path) -> None:
    config = zone / "config" / f"{name}.toml"
    settings = SETTINGS[role_of(config)].load(config)
    identity = Identity.load(settings)
    assert identity.member == settings.member
    assert settings.state_dir == zone / "state" / name
    registered = {member.id: member for member in registry_of(zone).members}[settings.member]
    assert [(key.key_id, key.public) for key in registered.keys] == [(identity.signer.key_id, identity.signer.public.hex())]
    assert (registered.hpke, registered.uri) == (identity.hpke_public.hex(), identity.uri)


def test_no_two_processes_share_state_or_keys(zone: Path) -> None:
    documents = [tomllib.loads(path.read_text(encoding="utf-8")) for path in (zone / "config").glob("*.toml")]
    assert len({document["state_dir"] for document in documents}) == len(documents)
    assert len({document["keys_dir"] for document in documents}) == len(documents)


def test_everything_but_the_public_directory_is_private(zone: Path) -> None:
    for path in zone.rglob("*"):
        mode = path.stat().st_mode & 0o777
        if {"members", "ca", "config", "state"} & set(path.relative_to(zone).parts[:1]):
            assert mode == (0o700 if path.is_dir() else 0o600), path
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in (zone / "public").rglob("*") if path.is_file())


def test_certificates_carry_one_uri_and_only_listeners_serve(zone: Path) -> None:
    for member in PLAN.members:
        certificate = x509.load_pem_x509_certificate(read_private(zone / "members" / member.id / "cert.pem"))
        assert certificate_uris(certificate) == [f"xinqiao://{PLAN.zone}/{member.id}"]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        expected = [server_name(PLAN.zone, member.id), "localhost"] if member.listens else []
        assert names.get_values_for_type(x509.DNSName) == expected


def test_the_registry_is_signed_by_the_authority_and_pins_log_and_witnesses(zone: Path) -> None:
    registry = registry_of(zone)
    (key,) = next(member for member in registry.members if "authority" in member.roles).keys
    envelope = parse_envelope((zone / "public" / "registry.dsse.json").read_bytes())
    check_signature(envelope, VerifyKey(key.key_id, key.algorithm, bytes.fromhex(key.public)))
    assert (zone / "public" / "log.vkey").read_text(encoding="utf-8") == f"{registry.log_vkey}\n"
    assert parse_vkey(registry.log_vkey).name == f"xinqiao/{PLAN.zone}"
    policy = WitnessPolicy.model_validate_json((zone / "public" / "witness-policy.json").read_bytes())
    assert policy == registry.witness_policy
    assert (zone / "public" / "witnesses.vkey").read_text(encoding="utf-8").splitlines() == list(policy.witnesses)


def test_the_ceremony_holds_and_each_custodian_opens_its_share(zone: Path) -> None:
    ceremony = ceremony_of(zone)
    sharing = check_ceremony(ceremony)
    assert (sharing.threshold, sharing.parties) == (3, 5)
    document = json.loads((zone / "public" / "key.json").read_bytes())
    assert (document["format"], document["bits"], document["n"], document["h"]) == ("xinqiao/public-key/v1", 2048, ceremony.n, ceremony.h)
    for index, custodian in enumerate(ceremony.custodians, 1):
        config = zone / "config" / f"{custodian}.toml"
        identity = Identity.load(SETTINGS[role_of(config)].load(config))
        assert open_share(ceremony, custodian, identity.hpke_private).index == index


def test_the_ceremony_is_signed_by_dealer_and_witness(zone: Path) -> None:
    envelope = parse_envelope((zone / "public" / "ceremony.dsse.json").read_bytes())
    assert [key_id.partition("~")[0] for key_id in envelope.key_ids] == ["authority", "auditor"]


def test_departments_and_the_authority_share_the_roster_key_and_nobody_else_has_it(zone: Path) -> None:
    holders = {path.parent.name: read_private(path) for path in (zone / "members").glob("*/roster.key")}
    assert set(holders) == {member.id for member in PLAN.members if {"department", "authority"} & set(member.roles)}
    assert len(set(holders.values())) == 1
    assert len(bytes.fromhex(holders["authority"].decode())) == 32


def test_an_admitted_pack_is_there_with_its_signed_hash(zone: Path) -> None:
    packs = zone / "public" / "packs"
    assert sorted(path.name for path in packs.iterdir()) == ["firm-panel@1.dsse.json", "firm-panel@1.yaml"]
    assert (packs / "firm-panel@1.yaml").read_bytes() == shipped_pack("firm-panel")


def test_a_base_port_fixes_all_ports(zone: Path) -> None:
    endpoints = json.loads((zone / "endpoints.json").read_bytes())
    assert (endpoints["gateway"], endpoints["coordinator"], endpoints["log"]) == ("https://127.0.0.1:18443", "127.0.0.1:18444", "127.0.0.1:18445")
    assert set(endpoints["bank"]) == {"bank-a", "bank-b"}


def test_addresses_without_a_base_port_are_all_different() -> None:
    addresses = choose_addresses(PLAN)
    assert len(set(addresses.of.values())) == len(addresses.of)
    assert len(set(free_ports(20))) == 20


def test_a_zone_is_not_made_over_another(zone: Path) -> None:
    with pytest.raises(SettingsError, match="already holds a zone"):
        build_zone(PLAN, zone, [], key_bits=2048, progress=lambda _: None)


@pytest.mark.parametrize(
    ("plan", "packs", "base_port", "said"),
    [
        (demo_plan("Bad Zone"), [], None, "zone id 'Bad Zone'"),
        (demo_plan(threshold=2), [], None, "a threshold of 2: with 5 custodians it is 3 to 5"),
        (demo_plan(threshold=6), [], None, "a threshold of 6"),
        (PLAN, [], 0, "--base-port is 1 to"),
        (PLAN, [], -5, "--base-port is 1 to"),
        (PLAN, [], 65_531, "--base-port is 1 to 65530"),
        (PLAN, [b"\xff"], None, "a pack is UTF-8"),
    ],
    ids=["zone id", "no majority", "more than all", "port 0", "negative port", "port too high", "pack"],
)
def test_what_cannot_be_a_zone_leaves_nothing(plan: ZonePlan, packs: list[bytes], base_port: int | None, said: str, tmp_path: Path) -> None:
    with pytest.raises((SettingsError, ModelError), match=said):
        build_zone(plan, tmp_path / "zone", packs, key_bits=2048, base_port=base_port, progress=lambda _: None)
    assert not (tmp_path / "zone").exists()


def test_a_zone_is_not_made_for_a_model_that_the_admission_lint_does_not_pass(tmp_path: Path) -> None:
    leaky = re.sub(rb"(?m)^exposures:\n(?:[ -].*\n)*", b"", shipped_pack("sme-tech"))  # its owners accept nothing any more
    with pytest.raises(ModelLeaksError, match="does not pass the admission lint"):
        build_zone(plan_for([load_pack(leaky)]), tmp_path / "zone", [leaky], key_bits=2048, progress=lambda _: None)
    assert not (tmp_path / "zone").exists()
    stricter = replace(PLAN, disclosure=DisclosurePolicy(ratio_at_least=10_000))
    with pytest.raises(ModelLeaksError):
        build_zone(stricter, tmp_path / "zone", [shipped_pack("firm-panel")], key_bits=2048, progress=lambda _: None)
    assert not (tmp_path / "zone").exists()


@pytest.mark.parametrize("pack", shipped_packs())
def test_every_shipped_model_passes_in_its_own_zone_and_says_what_its_owners_accept(pack: str) -> None:
    model, said = load_pack(shipped_pack(pack)), list[str]()
    report = linted(plan_for([model]), model, said.append)
    assert report.admissible
    (line,) = said
    assert all(f"{item.indicator} → " in line for item in model.pack.exposures)
    assert ("owners accept" in line) == bool(model.pack.exposures)


def test_owners_accept_by_the_lint_report_that_custodians_come_to(zone: Path) -> None:
    registry = registry_of(zone)
    envelope = parse_envelope((zone / "public" / "packs" / "firm-panel@1.yaml").with_suffix(".dsse.json").read_bytes())
    admitted = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(admitted, ModelAdmitted)
    model = load_pack(shipped_pack("firm-panel"))
    case = Case((model.sha256,), registered(registry.members, [model]), (model,))
    accepted = check_acceptances(MemberRegistry(registry), model, admitted)
    assert {item.report for item in accepted.values()} == {lint_case(case, registry.disclosure, lambda: None).sha256}


def test_a_zone_of_three_witnesses_is_one_for_production(tmp_path: Path) -> None:
    plan = demo_plan(witnesses=3)
    policy = make_zone(plan, tmp_path, []).witness_policy
    assert (len(policy.witnesses), policy.required, policy.outside, policy.development) == (3, 2, ("zone-ningbo",), False)
    configs = write_configs(plan, tmp_path, choose_addresses(plan))
    assert AuditorSettings.load(configs["auditor"]).auditor.witness_only is False
    assert AuditorSettings.load(configs["zone-ningbo"]).auditor.witness_only is True


def test_a_zone_of_one_witness_says_that_it_is_for_development(zone: Path) -> None:
    assert registry_of(zone).witness_policy.development is True


def test_an_unknown_pack_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ModelError, match=r"no pack 'nowhere': there are .*firm-panel"):
        shipped_pack("nowhere")


def test_a_directory_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no zone"):
        processes_of(tmp_path)


def test_written_toml_reads_back() -> None:
    document = {"text": 'a "quoted" \\ back', "number": 3, "flag": True, "ratio": 0.5, "list": ["a", "b"], "table": {"x": 1, "inner": {"y": "z"}}}
    assert tomllib.loads(to_toml(document)) == document


@pytest.mark.parametrize("role", ["custodian", "gateway"])
def test_a_roles_program_explains_its_use(role: str) -> None:
    answer = subprocess.run([sys.executable, "-m", program_of(role)], capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "usage" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_zones_disclosure_policy_is_in_its_registry(tmp_path: Path) -> None:
    plan = replace(demo_plan(), disclosure=DisclosurePolicy(bank_functionals=1, epoch_interval_s=0))
    assert make_zone(plan, tmp_path / "strict", []).disclosure == plan.disclosure
    assert make_zone(demo_plan(), tmp_path / "usual", []).disclosure == DisclosurePolicy()
