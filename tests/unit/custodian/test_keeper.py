"""The keeper of shares: takes only a good share, renews it all or nothing, and goes on after being ended before or after any write [P1.5, P1.7]."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from crypto.encoding import to_fixed
from crypto.errors import KeyFormatError, SealingError
from crypto.keygen import PrivateKey
from crypto.sealing import seal
from crypto.statements import parse_envelope
from crypto.threshold import Share, combine, partial
from nodes.custodian.shares import holding
from nodes.custodian.shares.approvals import Approvals
from nodes.custodian.shares.holding import Holding, Part, read_holding, write_holding
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal, SecretFileError, SettingsError
from nodes.runtime.files import write_private
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce
from protos.errors import refusal_of
from scoring.custody.generations import sharing_of
from scoring.errors import KeyNotReadyError, ScoringError
from scoring.release.ceremony import _share_aad, _share_info, make_ceremony, open_share
from scoring.statements import KeyAcknowledged, KeyDeal, KeyReceiver, Refusal, Statement
from tests.support.custody import Custody
from tests.support.exchange import HeldZone, MemoryLog, identity_of
from tests.support.ledger import SMALL_BITS, THRESHOLD
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone

PASSPHRASE = b"correct horse"


class KilledError(BaseException):
    """The process ends here; nothing of it may catch this."""


class Line:
    """Log and coordinator as a custodian reaches them."""

    def __init__(self, zone: MemoryZone) -> None:
        self._zone, self._log = zone, MemoryLog(zone)
        self.reachable = True

    def append(self, envelope: bytes) -> object:
        return self._log.append(envelope)

    def submit(self, envelope: bytes) -> None:
        if not self.reachable:
            raise PeerUnavailableError("the coordinator is away")
        known = self._zone.view.by_envelope(envelope)
        if known is not None:
            return
        try:
            self._zone.view.judge(envelope, self._zone.now)
        except ScoringError as error:
            row = refusal_of(error)
            raise RpcRefusal(row.reason, str(error), row.code.name) from error
        self._log.append(envelope)


@dataclass
class Office:
    """Every custodian of a zone in memory, each with a directory of its own."""

    zone: MemoryZone
    directory: Path
    lines: dict[str, Line] = field(default_factory=dict)
    keepers: dict[str, ShareKeeper] = field(default_factory=dict)

    def start(self, name: str) -> ShareKeeper:
        """A process of ``name``, on what an earlier one left."""
        folder = self.directory / name
        folder.mkdir(mode=0o700, exist_ok=True)
        passphrase = self.directory / f"{name}.passphrase"
        if not passphrase.exists():
            write_private(passphrase, PASSPHRASE)
        line = self.lines.setdefault(name, Line(self.zone))
        held, identity = HeldZone(self.zone.view), identity_of(self.zone.keys, name)
        self.keepers[name] = ShareKeeper(identity, held, cast(LogClient, line), cast(ExchangeClient, line), folder, passphrase, SMALL_BITS)
        return self.keepers[name]

    def file(self, name: str) -> Path:
        return self.directory / name / "share.json"

    def turn(self, *names: str) -> None:
        """Let everybody do what there is to do, until nobody has more."""
        size = -1
        while size != self.zone.view.size:
            size = self.zone.view.size
            for name in names or tuple(self.keepers):
                self.keepers[name].advance()

    def held(self, name: str) -> Share:
        share = read_holding(self.file(name), PASSPHRASE).share
        assert share is not None
        return share

    def refresh(self) -> None:
        custody = Custody(self.zone)
        self.zone.say(custody.round(), "authority")
        self.turn()
        self.zone.say(custody.activation(), "authority")
        self.turn()

    def opens(self, *names: str) -> bool:
        key = self.zone.public_key
        ciphertext = (1 + 42 * key.n) * pow(key.h_s, 12345, key.n2) % key.n2
        held = [self.keepers[name].in_force() for name in names]
        partials = {share.index: partial(sharing, share, ciphertext) for sharing, share in held}
        return combine(held[-1][0], ciphertext, partials).m == 42


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A share is written some hundred times here; the cost of one guess is for thieves."""
    monkeypatch.setattr(holding, "SCRYPT_N", 1 << 4)


@pytest.fixture
def zone(small_private_key: PrivateKey) -> MemoryZone:
    zone = MemoryZone(small_private_key)
    zone.hold_ceremony()
    return zone


@pytest.fixture
def office(zone: MemoryZone, tmp_path: Path) -> Office:
    office = Office(zone, tmp_path)
    for name in CUSTODIANS:
        office.start(name)
    return office


@pytest.fixture
def accepted(office: Office) -> Office:
    office.turn()
    return office


# --- the ceremony's share [P1.5] -------------------------------------------------------------------------------------------


def test_good_shares_are_kept_and_accepted_in_the_log(office: Office) -> None:
    office.turn()
    assert office.zone.view.shares == set(CUSTODIANS)
    assert [office.held(name) for name in CUSTODIANS] == office.zone.shares
    assert office.opens("tax", "credit")
    assert office.zone.view.void == {}


def bad_ceremonies() -> dict[str, Callable[[Any, MemoryZone], dict[str, object]]]:
    def sealed(ceremony: Any, zone: MemoryZone, value: int) -> dict[str, object]:
        """The first custodian's share replaced by ``value``, properly sealed."""
        key, name = zone.public_key, CUSTODIANS[0]
        made = seal(zone.keys.sealing(name), _share_info(ZONE, name), _share_aad(key, 1), to_fixed(value, key.n_size))
        return {"sealed_shares": (b"".join(made).hex(), *ceremony.sealed_shares[1:])}

    def another_v(ceremony: Any, zone: MemoryZone) -> dict[str, object]:
        return {"v_i": (f"{int(ceremony.v_i[0], 16) * zone.sharing.v % zone.public_key.n:x}", *ceremony.v_i[1:])}

    return {
        "a wrong share": lambda c, z: sealed(c, z, z.shares[0].value + 1),
        "another custodian's share": lambda c, z: sealed(c, z, z.shares[1].value),
        "no share at all": lambda c, _: {"sealed_shares": ("00" * 200, *c.sealed_shares[1:])},
        "a wrong verification value": another_v,
        "a wrong proof of the modulus": lambda c, _: {"key_proof": ("1", *c.key_proof[1:])},
    }


@pytest.mark.parametrize("change", bad_ceremonies().values(), ids=bad_ceremonies().keys())
def test_a_bad_share_is_neither_kept_nor_accepted(
    change: Callable[[Any, MemoryZone], dict[str, object]], small_private_key: PrivateKey, tmp_path: Path
) -> None:
    zone = MemoryZone(small_private_key)
    recipients = [zone.keys.recipient(name) for name in CUSTODIANS]
    ceremony = make_ceremony(small_private_key, ZONE, THRESHOLD, recipients, secrets.randbits)
    other = copy.copy(zone)
    other.shares, other.sharing = _opened(ceremony, zone)
    zone.say(ceremony.model_copy(update=change(ceremony, other)), "authority")
    office = Office(zone, tmp_path)
    with pytest.raises((KeyFormatError, SealingError)):
        office.start(CUSTODIANS[0]).advance()
    assert not office.file(CUSTODIANS[0]).exists()
    assert zone.view.shares == set()


def _opened(ceremony: Any, zone: MemoryZone) -> tuple[list[Share], Any]:
    shares = [open_share(ceremony, name, zone.keys.hpke[name], SMALL_BITS) for name in CUSTODIANS]
    return shares, sharing_of(ceremony, zone.public_key)


# --- rounds ------------------------------------------------------------------------------------------------------------------


def test_a_refresh_replaces_every_share_and_erases_the_old_ones(accepted: Office) -> None:
    before = {name: accepted.held(name) for name in CUSTODIANS}
    accepted.refresh()
    for name in CUSTODIANS:
        holding = read_holding(accepted.file(name), PASSPHRASE)
        assert holding.share is not None
        assert (holding.share.generation, holding.part) == (1, None)
        assert holding.share.value != before[name].value
    assert accepted.opens("credit", "notary")
    assert accepted.zone.view.void == {}


def test_the_old_share_stays_in_force_until_the_round_is_activated(accepted: Office) -> None:
    zone, custody = accepted.zone, Custody(accepted.zone)
    zone.say(custody.round(), "authority")
    accepted.turn()
    assert zone.view.round is not None
    assert zone.view.round.is_complete
    for name in CUSTODIANS:
        holding = read_holding(accepted.file(name), PASSPHRASE)
        assert (holding.share and holding.share.generation, holding.part and holding.part.share and holding.part.share.generation) == (0, 1)
    assert accepted.opens("tax", "notary")


def test_an_abandoned_round_leaves_the_old_shares_and_nothing_of_the_new(accepted: Office) -> None:
    zone, custody = accepted.zone, Custody(accepted.zone)
    before = {name: accepted.held(name) for name in CUSTODIANS}
    zone.say(custody.round(), "authority")
    accepted.turn()
    zone.say(custody.abandonment(), "authority")
    accepted.turn()
    for name in CUSTODIANS:
        assert read_holding(accepted.file(name), PASSPHRASE) == Holding(before[name])
    accepted.refresh()
    assert accepted.opens("tax", "notary")


def test_between_activation_and_its_own_write_a_custodian_answers_nothing(accepted: Office) -> None:
    zone, custody = accepted.zone, Custody(accepted.zone)
    zone.say(custody.round(), "authority")
    accepted.turn()
    zone.say(custody.activation(), "authority")
    with pytest.raises(NotReadyError):
        accepted.keepers["tax"].in_force()
    accepted.turn("tax")
    assert accepted.keepers["tax"].in_force()[1].generation == 1


def test_a_custodian_without_a_share_of_the_generation_refuses_and_its_replacement_comes_from_the_others(accepted: Office) -> None:
    accepted.refresh()
    accepted.file("tax").unlink()
    accepted.start("tax")
    accepted.turn()
    with pytest.raises(KeyNotReadyError, match="re-sharing"):
        accepted.keepers["tax"].in_force()
    custody = Custody(accepted.zone)
    pending = accepted.zone.say(custody.round(CUSTODIANS, 2, ("credit", "notary")), "authority")
    for name in ("credit", "notary"):
        Approvals(accepted.directory / name).add(pending.digest)
    accepted.turn()
    accepted.zone.say(custody.activation(), "authority")
    accepted.turn()
    assert accepted.opens("tax", "notary")


def test_a_refresh_with_a_lost_share_is_refused_in_the_log_and_hurts_nobody(accepted: Office) -> None:
    accepted.refresh()
    accepted.file("tax").unlink()
    accepted.start("tax")
    custody = Custody(accepted.zone)
    accepted.zone.say(custody.round(), "authority")
    accepted.turn()
    accepted.turn()
    refusals = [logged.statement for logged in accepted.zone.view.refusals]
    assert [(refusal.member, refusal.reason) for refusal in refusals] == [("tax", "KEY_NOT_READY")]
    accepted.zone.say(custody.abandonment(), "authority")
    assert accepted.opens("credit", "notary")


def test_no_custodian_deals_in_a_re_sharing_that_its_operator_has_not_approved(accepted: Office) -> None:
    """The authority alone would otherwise move the key to hands of its choice."""
    custody = Custody(accepted.zone)
    pending = accepted.zone.say(custody.round(("tax",), 1, ("tax", "credit")), "authority")
    accepted.turn()
    assert accepted.keepers["tax"].advance(), "it looks again: the operator may yet approve"
    assert accepted.zone.view.round is not None
    assert accepted.zone.view.round.deals == {}
    Approvals(accepted.directory / "credit").add(pending.digest)
    accepted.turn()
    assert set(accepted.zone.view.round.deals) == {"credit"}


def test_who_is_left_out_of_a_re_sharing_erases_its_share(accepted: Office) -> None:
    custody = Custody(accepted.zone)
    pending = accepted.zone.say(custody.round(("credit", "notary"), 2, ("tax", "credit")), "authority")
    for name in ("tax", "credit"):
        Approvals(accepted.directory / name).add(pending.digest)
    accepted.turn()
    accepted.zone.say(custody.activation(), "authority")
    accepted.turn()
    assert read_holding(accepted.file("tax"), PASSPHRASE) == Holding()
    assert accepted.opens("credit", "notary")
    with pytest.raises(KeyNotReadyError):
        accepted.keepers["tax"].in_force()


def test_a_deal_that_does_not_hold_stops_the_round_and_is_named(accepted: Office) -> None:
    zone, custody = accepted.zone, Custody(accepted.zone)
    zone.say(custody.round(), "authority")
    for name in CUSTODIANS:
        accepted.lines[name].reachable = name != "credit"
    accepted.keepers["tax"].advance()
    accepted.keepers["notary"].advance()
    zone.say(custody.receiver("credit"), "credit")
    good, other = custody.deal("credit"), custody.deal("credit")
    bad = zone.say(good.model_copy(update={"sealed": other.sealed}), "credit")
    accepted.turn("tax", "notary")
    accepted.turn("tax", "notary")
    said = [(logged.statement.member, logged.statement.reason, logged.statement.about) for logged in zone.view.refusals]
    assert sorted(said) == [("notary", "DEAL_INVALID", bad.digest), ("tax", "DEAL_INVALID", bad.digest)]
    assert zone.view.round is not None
    assert zone.view.round.acknowledged == {}


def test_an_unreachable_coordinator_is_waited_for_with_the_same_words(accepted: Office) -> None:
    custody = Custody(accepted.zone)
    accepted.zone.say(custody.round(), "authority")
    accepted.lines["tax"].reachable = False
    with pytest.raises(PeerUnavailableError):
        accepted.keepers["tax"].advance()
    part = read_holding(accepted.file("tax"), PASSPHRASE).part
    assert part is not None
    accepted.lines["tax"].reachable = True
    accepted.start("tax").advance()
    assert accepted.zone.view.by_envelope(part.said[KeyReceiver.kind]) is not None


# --- being killed ----------------------------------------------------------------------------------------------------------------

WRITES = ("key-receiver", "key-deal", "key-ack", "in force")
MOMENTS = ("before the write", "after the write", "after it was said")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", WRITES)
def test_a_custodian_killed_at_any_step_goes_on_and_the_refresh_ends_well(
    accepted: Office, write: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = accepted.keepers["credit"]
    with _killing(victim, write, moment, monkeypatch):
        zone, custody = accepted.zone, Custody(accepted.zone)
        zone.say(custody.round(), "authority")
        killed = False
        for _ in range(12):
            for name in CUSTODIANS:
                try:
                    accepted.keepers[name].advance()
                except KilledError:
                    killed = True
                    accepted.start("credit")
            if zone.view.round is not None and zone.view.round.is_complete:
                zone.say(custody.activation(), "authority")
    assert killed
    assert zone.view.generation().number == 1
    assert {read_holding(accepted.file(name), PASSPHRASE).part for name in CUSTODIANS} == {None}
    assert accepted.opens("credit", "tax")
    assert accepted.opens("credit", "notary")
    assert zone.view.void == {}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("write", WRITES[:-1])
def test_a_custodian_killed_at_any_step_and_away_since_lets_the_refresh_be_abandoned(
    accepted: Office, write: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, custody, zone = accepted.held("credit"), Custody(accepted.zone), accepted.zone
    with _killing(accepted.keepers["credit"], write, moment, monkeypatch):
        zone.say(custody.round(), "authority")
        with pytest.raises(KilledError):
            accepted.turn()
    accepted.turn("tax", "notary")
    zone.say(custody.abandonment(), "authority")
    accepted.start("credit")
    accepted.turn()
    assert read_holding(accepted.file("credit"), PASSPHRASE) == Holding(before)
    assert zone.view.generation().number == 0
    assert accepted.opens("credit", "tax")


class _killing:
    """Within the block, the victim is killed once at its write of a kind."""

    def __init__(self, victim: ShareKeeper, write: str, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._victim, self._write, self._moment, self._patch = victim, write, moment, monkeypatch

    def __enter__(self) -> None:
        keep, submit = self._victim._keep, self._victim._exchange.submit

        def kept(holding: Holding) -> None:
            meant = self._write == (next(reversed(holding.part.said)) if holding.part is not None else "in force")
            if meant and self._moment == "before the write":
                raise KilledError
            keep(holding)
            if meant and (self._moment == "after the write" or self._write == "in force"):
                raise KilledError

        def submitted(envelope: bytes) -> object:
            answer = submit(envelope)
            if self._moment == "after it was said" and f"{self._write}.v1" in _payload_type(envelope):
                raise KilledError
            return answer

        self._victim._keep = kept  # type: ignore[method-assign]  # the process that is to be killed, not its code
        self._victim._exchange = cast(ExchangeClient, _Submitting(submitted))

    def __exit__(self, *_error: object) -> None:
        return None


class _Submitting:
    def __init__(self, submit: Callable[[bytes], object]) -> None:
        self.submit = submit


def _payload_type(envelope: bytes) -> str:
    return parse_envelope(envelope).payload_type


# --- the file ----------------------------------------------------------------------------------------------------------------


HOLDINGS = {
    "nothing": Holding(),
    "a share": Holding(Share(2, 1 << 600)),
    "a part that has begun": Holding(Share(2, 1 << 600), Part("ab" * 32, b"k" * 32)),
    "a part that is nearly done": Holding(None, Part("ab" * 32, b"k" * 32, Share(2, -5, 1), {"key-ack": b"envelope", "key-deal": b""})),
}


@pytest.mark.parametrize("holding", HOLDINGS.values(), ids=HOLDINGS.keys())
def test_what_is_kept_is_read_again(holding: Holding, tmp_path: Path) -> None:
    write_holding(tmp_path / "share.json", holding, PASSPHRASE)
    assert read_holding(tmp_path / "share.json", PASSPHRASE) == holding


def test_the_file_opens_to_nobody_without_the_passphrase_and_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "share.json"
    write_holding(path, Holding(Share(2, 123456789)), PASSPHRASE)
    assert b"123456789" not in path.read_bytes()
    assert f"{123456789:x}".encode() not in path.read_bytes()
    with pytest.raises(SecretFileError):
        read_holding(path, b"another")
    for place in range(0, path.stat().st_size, 7):
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        other = tmp_path / "changed.json"
        write_private(other, bytes(data))
        with pytest.raises(SecretFileError):
            read_holding(other, PASSPHRASE)


def test_only_a_rounds_digest_is_approved(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path / "custodian")
    with pytest.raises(SettingsError):
        approvals.add("yes")
    approvals.add("ab" * 32)
    approvals.add("ab" * 32)
    assert approvals.has("ab" * 32)
    assert not approvals.has("cd" * 32)


def test_statements_of_a_round_are_said_by_their_custodian_alone(accepted: Office) -> None:
    accepted.zone.say(Custody(accepted.zone).round(), "authority")
    accepted.turn()
    kinds: tuple[type[Statement], ...] = (KeyReceiver, KeyDeal, KeyAcknowledged)
    said = [logged for logged in accepted.zone.view.statements.values() if isinstance(logged.statement, kinds)]
    assert len(said) == 3 * len(CUSTODIANS)
    assert not [logged for logged in accepted.zone.view.statements.values() if isinstance(logged.statement, Refusal)]
    assert fresh_nonce() not in {logged.statement.nonce for logged in said}
