"""Two safe primes from as many processes as there are cores: each searches on its own, the first two finds count.

``python -m nodes.ceremony.primes BITS`` is one such search: it writes primes of BITS bits to its standard output, one hex line each,
until it is killed.
"""

from __future__ import annotations

import os
import secrets
import selectors
import subprocess
import sys
from collections.abc import Callable
from typing import IO, NoReturn, cast

from crypto.keygen import PrivateKey, safe_prime


def generate_in_parallel(bits: int, found: Callable[[int], None], workers: int = 0) -> PrivateKey:
    """Private key whose modulus has exactly ``bits`` bits; ``found(k)`` is called when the k-th prime of two is there.

    ``workers`` 0 means one for each core. The searching processes end before this returns, and their memory with them.
    Raises ValueError when ``bits`` is no multiple of 16 of at least 256, RuntimeError when a search dies.
    """
    if bits < 256 or bits % 16:
        raise ValueError(f"modulus of {bits} bits: expected a multiple of 16, at least 256")
    command = [sys.executable, "-m", "nodes.ceremony.primes", str(bits // 2)]
    searches = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for _ in range(workers or os.cpu_count() or 1)]
    try:
        return _collect([cast(IO[bytes], search.stdout) for search in searches], found)
    finally:
        for search in searches:
            search.kill()
            search.communicate()


def _collect(outputs: list[IO[bytes]], found: Callable[[int], None]) -> PrivateKey:
    primes: list[int] = []
    with selectors.DefaultSelector() as selector:
        for output in outputs:
            selector.register(output, selectors.EVENT_READ)
        while len(primes) < 2:
            for key, _ in selector.select():
                line = cast(IO[bytes], key.fileobj).readline()
                if not line:
                    raise RuntimeError("a search for primes ended by itself")
                prime = int(line, 16)
                if prime not in primes and len(primes) < 2:
                    primes.append(prime)
                    found(len(primes))
    return PrivateKey(primes[0], primes[1])


def _search(bits: int) -> NoReturn:
    while True:
        sys.stdout.write(f"{safe_prime(bits, secrets.randbits):x}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _search(int(sys.argv[1]))
