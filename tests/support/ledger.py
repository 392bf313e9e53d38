"""A zone's log in memory: statements are signed, logged and replayed one by one, starting from registry, ceremony and model."""

from __future__ import annotations

import copy
import dataclasses
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from crypto.paillier import Opening, PublicKey
from crypto.threshold import Share, Sharing, combine, partial
from nodes.ceremony.countersigning import accept_model, approve_change
from nodes.runtime.peers.identity import log_name, witness_name
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.custody.generations import sharing_of
from scoring.disclosure.countersigning import embed, exposures_of, owners_of
from scoring.exchange.view import Logged, ZoneView
from scoring.indicators.model import Model, load_pack
from scoring.release.ceremony import make_ceremony, open_share
from scoring.statements import (
    DisclosurePolicy,
    Leaf,
    ModelAdmitted,
    Registry,
    RegistryChange,
    ShareAccepted,
    Statement,
    Title,
    WitnessPolicy,
)
from tests.support.members import CUSTODIANS, ORGANISATIONS, ZONE, Keys

C = TypeVar("C", bound=RegistryChange)
START = 1_700_000_000
SMALL_BITS, THRESHOLD = 512, 2
PACK = Path(__file__).parents[2] / "scoring" / "packs" / "firm-panel" / "firm-panel@1.yaml"


@dataclass
class Ledger:
    """Leaves and envelopes of the zone ``name``, and the view that they give. ``now`` is the time of the next leaf."""

    private_key: PrivateKey
    now: int = START
    pack: Path = PACK
    entries: list[tuple[bytes, bytes]] = field(default_factory=list)
    keys: Keys = field(default_factory=Keys)
    name: str = ZONE
    policy: DisclosurePolicy = field(default=DisclosurePolicy(epoch_interval_s=0))  # epochs of one period follow at once
    validity_s: int | None = None  # of the registry
    public_key: PublicKey = field(init=False)
    sharing: Sharing = field(init=False)
    shares: list[Share] = field(init=False)
    model: Model = field(init=False)
    view: ZoneView = field(init=False)
    log_signer: NoteSigner = field(init=False)
    witness_signer: NoteSigner = field(init=False)

    def __post_init__(self) -> None:
        self.model = load_pack(self.pack.read_bytes())
        self.public_key = PublicKey.from_modulus(self.private_key.n, min_bits=SMALL_BITS)
        self.keys.zone = self.name
        for name in ORGANISATIONS:
            self.keys.make(name)
        self.log_signer = NoteSigner(log_name(self.name), ED25519, secrets.token_bytes(32))
        self.witness_signer = NoteSigner(witness_name(self.name, "auditor"), COSIGNATURE_V1, secrets.token_bytes(32))
        genesis = self.envelope(self.registry(), "authority")
        self.view = ZoneView(genesis, {self.model.sha256: self.model}, min_key_bits=SMALL_BITS)
        self.append(genesis, "authority", "registry")

    # --- saying things ---

    def envelope(self, statement: Statement, signer: str) -> bytes:
        """The statement signed by ``signer``: a member, or an enterprise's key id."""
        return sign_statement(statement, self.keys.signers[signer])

    def append(self, envelope: bytes, actor: str, kind: str) -> Logged | None:
        """Log an envelope as it is, whatever it says; what the view makes of it."""
        leaf = Leaf(kind=kind, actor=actor, time=self.now, digest=sha256(envelope).hex()).to_bytes()
        self.entries.append((leaf, envelope))
        self.now += 1
        return self.view.apply(len(self.entries) - 1, leaf, envelope)

    def say(self, statement: Statement, signer: str) -> Logged:
        """Log a statement that must hold; raises what the rules have against it."""
        logged = self.append(self.envelope(statement, signer), actor(signer), statement.kind)
        if logged is None:
            raise self.view.void[len(self.entries) - 1]
        return logged

    def say_void(self, statement: Statement, signer: str) -> int:
        """Log a statement that must break a rule; its leaf."""
        assert self.append(self.envelope(statement, signer), actor(signer), statement.kind) is None
        return len(self.entries) - 1

    def judge(self, statement: Statement, signer: str) -> None:
        """Raises what is wrong with a statement now; logs nothing."""
        self.view.judge(self.envelope(statement, signer), self.now)

    def fork(self) -> Self:
        """An independent copy that shares what never changes."""
        other = copy.copy(self)
        other.entries, other.keys, other.view = list(self.entries), self.keys.fork(), _fork_view(self.view)
        return other

    # --- the first statements ---

    def registry(self) -> Registry:
        """Everybody of ORGANISATIONS; the auditor is the one witness."""
        policy = WitnessPolicy(witnesses=(self.witness_signer.key.to_vkey(),), required=1, max_age_s=300, development=True)
        return Registry(
            zone=self.name,
            nonce=fresh_nonce(),
            title=Title(zh="测试区", en="test zone"),
            members=tuple(self.keys.member(name) for name in ORGANISATIONS),
            log_vkey=self.log_signer.key.to_vkey(),
            witness_policy=policy,
            disclosure=self.policy,
            validity_s=self.validity_s,
        )

    def hold_ceremony(self) -> Logged:
        """The zone's key, dealt to the custodians; no share is accepted yet."""
        recipients = [self.keys.recipient(name) for name in CUSTODIANS]
        ceremony = make_ceremony(self.private_key, self.name, THRESHOLD, recipients, secrets.randbits)
        self.sharing = sharing_of(ceremony, self.public_key)
        self.shares = [open_share(ceremony, name, self.keys.hpke[name], SMALL_BITS) for name in CUSTODIANS]
        return self.say(ceremony, "authority")

    def acceptance(self, ceremony: Logged, custodian: str) -> ShareAccepted:
        index = CUSTODIANS.index(custodian) + 1
        return ShareAccepted(zone=self.name, nonce=fresh_nonce(), ceremony=ceremony.digest, custodian=custodian, index=index)

    def admission(self, owners: Sequence[str] | None = None) -> ModelAdmitted:
        """The model's admission with the acceptances of ``owners``, by default all."""
        model, signers = self.model, self.keys.signers
        owners = list(owners_of(self.view.registry, model)) if owners is None else owners
        exposed = exposures_of(self.view.registry, model)
        accepted = [accept_model(model, self.name, name, signers[name], exposed.get(name, ())) for name in owners]
        return ModelAdmitted(
            zone=self.name, nonce=fresh_nonce(), id=model.id, version=model.version, sha256=model.sha256, acceptances=embed(accepted)
        )

    def approved(self, change: C, custodians: Sequence[str] = CUSTODIANS) -> C:
        """The change with the approvals of ``custodians``."""
        approvals = [approve_change(change, name, self.keys.signers[name]) for name in custodians]
        return change.model_copy(update={"approvals": embed(approvals)})

    def found(self) -> None:
        """Ceremony, accepted shares, model."""
        ceremony = self.hold_ceremony()
        for name in CUSTODIANS:
            self.say(self.acceptance(ceremony, name), name)
        self.say(self.admission(), "authority")

    def open(self, value: int) -> Opening:
        """An aggregate, opened by the first THRESHOLD custodians."""
        return combine(self.sharing, value, {share.index: partial(self.sharing, share, value) for share in self.shares[:THRESHOLD]})


def actor(signer: str) -> str:
    """The member that answers for what ``signer`` signs."""
    return signer if signer in ORGANISATIONS else "enterprise"


def _fork_view(view: ZoneView) -> ZoneView:
    other = copy.copy(view)
    for item in dataclasses.fields(view):
        value = getattr(view, item.name)
        if isinstance(value, dict):
            setattr(other, item.name, {key: list(part) if isinstance(part, list) else part for key, part in value.items()})
        elif isinstance(value, set | list):
            setattr(other, item.name, copy.copy(value))
    other.ledger = copy.deepcopy(view.ledger)
    other.registry = copy.copy(view.registry)
    for item in dataclasses.fields(view.registry):
        setattr(other.registry, item.name, copy.copy(getattr(view.registry, item.name)))
    return other
