"""Safe primes of a 2048-bit key, for tests of commands that take no shorter one. Published here, hence good for nothing else."""

from __future__ import annotations

from crypto.keygen import PrivateKey

_P = (
    "c19fc058a28dd204784dc400f2ba2dc64fe367deb233863b308c6cb9820d76a7d526e2a3c47944a12ea0b407153d7186d0e73adde2050b604a9f38d378b4c02d"
    "f7629ec129ef6d61760b56fa9f2e6fc9899d05ecbaa198a41c9d6dbe641f38b6f9f8c075da6735f7b7bd4091765dafbac0a9c55a7e0fc6dac5c53375a9467d57"
)
_Q = (
    "dbb99e1777177f16251d062246e5c0e7d6469a99f0b3db23900f96738261e5192f7d0eef74c65275447d5565027ce4c361b1bd9a38d6b94599fd51565d4f18c1"
    "fe5fe0e170fd21ce4c50ecbdea02c9100b4aa81f158381f1b66cadc4dc439214e19dd74aa3c7bb8ab8959938f2e52450bd63b976f3e02cbd94a3380bdfe5d73b"
)


def private_key_2048() -> PrivateKey:
    """The key of these primes."""
    return PrivateKey(int(_P, 16), int(_Q, 16))
