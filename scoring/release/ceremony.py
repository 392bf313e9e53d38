"""The key ceremony's transcript: made once by a dealer, checked by everyone, opened share by share by the custodians [P1.5].

Generating the primes and forgetting them is the dealer's process (``nodes.ceremony``); here are the statement and its checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.encoding import frame, from_fixed, label, to_fixed
from crypto.errors import EncodingError, KeyFormatError
from crypto.keygen import PrivateKey, RandBits, check_key_proof, prove_key
from crypto.paillier import DEFAULT_MIN_BITS, PublicKey
from crypto.sealing import ENC_SIZE, Private, open_sealed, seal
from crypto.threshold import Share, Sharing, check_share, check_sharing, deal
from scoring.custody.generations import sharing_of
from scoring.statements import Ceremony


@dataclass(frozen=True, slots=True)
class Recipient:
    """A custodian and its X25519 public key (32 bytes)."""

    member: str
    hpke: bytes


def make_ceremony(private_key: PrivateKey, zone: str, threshold: int, recipients: Sequence[Recipient], randbits: RandBits) -> Ceremony:
    """Transcript that shares ``private_key``: any ``threshold`` of ``recipients`` open; recipient i gets share i + 1, sealed.

    Raises KeyFormatError unless half of the recipients < threshold <= all. The caller forgets the key afterwards.
    """
    sharing, shares = deal(private_key, threshold, len(recipients), randbits)
    key = sharing.public_key
    sealed = [_seal_share(key, zone, recipient, share) for recipient, share in zip(recipients, shares, strict=True)]
    return Ceremony(
        zone=zone,
        nonce=f"{randbits(128):032x}",
        bits=key.bits,
        n=f"{key.n:x}",
        h=f"{key.h:x}",
        threshold=threshold,
        custodians=tuple(recipient.member for recipient in recipients),
        key_proof=tuple(f"{root:x}" for root in prove_key(private_key)),
        base=f"{sharing.v:x}",
        v_i=tuple(f"{value:x}" for value in sharing.v_i),
        sealed_shares=tuple(sealed),
    )


def check_ceremony(ceremony: Ceremony, min_bits: int = DEFAULT_MIN_BITS) -> Sharing:
    """The sharing that the transcript describes, once everything that is public about it holds [P1.1, P1.4, P1.5].

    Raises KeyFormatError when the key is too short or not the derived one, the proof of gcd(n, φ(n)) = 1 fails, a verification
    value is off the polynomial, or custodians and sealed shares do not pair up.
    """
    key = PublicKey.from_modulus(int(ceremony.n, 16), min_bits=min_bits)
    if (key.bits, f"{key.h:x}") != (ceremony.bits, ceremony.h):
        raise KeyFormatError("the transcript's bits or h are not those of its n")
    check_key_proof(key, [int(root, 16) for root in ceremony.key_proof])
    if len(set(ceremony.custodians)) != len(ceremony.custodians) or len(ceremony.sealed_shares) != len(ceremony.custodians):
        raise KeyFormatError("custodians are not distinct, or not each has one sealed share")
    sharing = sharing_of(ceremony, key)
    check_sharing(sharing)
    return sharing


def open_share(ceremony: Ceremony, custodian: str, hpke_private: Private, min_bits: int = DEFAULT_MIN_BITS) -> Share:
    """The custodian's own share, which agrees with its verification value and the whole transcript.

    Raises KeyFormatError as ``check_ceremony``, or when the custodian has no share there or it does not agree; SealingError when
    it is not sealed to this key.
    """
    sharing = check_ceremony(ceremony, min_bits)
    if custodian not in ceremony.custodians:
        raise KeyFormatError(f"the ceremony has no share for {custodian}")
    index = ceremony.custodians.index(custodian) + 1
    sealed = bytes.fromhex(ceremony.sealed_shares[index - 1])
    key = sharing.public_key
    plain = open_sealed(hpke_private, _share_info(ceremony.zone, custodian), _share_aad(key, index), sealed[:ENC_SIZE], sealed[ENC_SIZE:])
    try:
        share = Share(index, from_fixed(plain, key.n_size))
    except EncodingError as error:
        raise KeyFormatError(f"the share of {custodian} is not of the key's width") from error
    check_share(sharing, share)
    return share


def _seal_share(key: PublicKey, zone: str, recipient: Recipient, share: Share) -> str:
    info, aad = _share_info(zone, recipient.member), _share_aad(key, share.index)
    enc, ciphertext = seal(recipient.hpke, info, aad, to_fixed(share.value, key.n_size))
    return (enc + ciphertext).hex()


def _share_info(zone: str, custodian: str) -> bytes:
    return frame(label("share"), zone.encode(), custodian.encode())


def _share_aad(key: PublicKey, index: int) -> bytes:
    return frame(key.key_hash, to_fixed(index, 4))
