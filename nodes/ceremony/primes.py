"""Two safe primes from as many processes as there are cores: each searches on its own, the first two finds count."""

from __future__ import annotations

import multiprocessing
import os
import secrets
from collections.abc import Callable
from multiprocessing.connection import Connection, wait

from crypto.keygen import PrivateKey, safe_prime


def generate_in_parallel(bits: int, found: Callable[[int], None], workers: int = 0) -> PrivateKey:
    """Private key whose modulus has exactly ``bits`` bits; ``found(k)`` is called when the k-th prime of two is there.

    ``workers`` 0 means one for each core. The searching processes end before this returns, and their memory with them.
    Raises ValueError when ``bits`` is no multiple of 16 of at least 256.
    """
    if bits < 256 or bits % 16:
        raise ValueError(f"modulus of {bits} bits: expected a multiple of 16, at least 256")
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(workers or os.cpu_count() or 1)]
    searches = [context.Process(target=_search, args=(bits // 2, sending), daemon=True) for _, sending in pipes]
    for search, (_, sending) in zip(searches, pipes, strict=True):
        search.start()
        sending.close()
    try:
        return _collect([receiving for receiving, _ in pipes], found)
    finally:
        for search in searches:
            search.kill()
            search.join()


def _collect(receiving: list[Connection], found: Callable[[int], None]) -> PrivateKey:
    primes: list[int] = []
    while len(primes) < 2:
        for connection in wait(receiving):
            assert isinstance(connection, Connection)
            prime = int.from_bytes(connection.recv_bytes(), "big")
            if prime not in primes and len(primes) < 2:
                primes.append(prime)
                found(len(primes))
    return PrivateKey(primes[0], primes[1])


def _search(bits: int, sending: Connection) -> None:
    while True:
        prime = safe_prime(bits, secrets.randbits)
        sending.send_bytes(prime.to_bytes(bits // 8, "big"))
