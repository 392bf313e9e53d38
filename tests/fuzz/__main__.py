"""``python -m tests.fuzz [NAME…] [--seconds S]``: atheris on the readers of the table, one process and S seconds for each (all, 5 s),
as many at a time as there are processors.

A crash ends the run with exit code 1; the input that led to it is in the directory that the last lines name, and belongs into the tests.
What libFuzzer learns stays in .fuzz/NAME and is where the next run begins.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import atheris

with atheris.instrument_imports(  # pyright: ignore[reportAttributeAccessIssue]  # atheris has no stubs
    include=["connectors", "crypto", "scoring", "nodes", "protos", "gateway"], enable_loader_override=False
):
    from crypto.keygen import generate_private_key
    from tests.fuzz.judge import Parser, judge
    from tests.fuzz.parsers import NAMES, all_parsers

CORPUS = Path(".fuzz")
LONGEST = 1 << 16
SMALL_BITS = 512


def main() -> int:
    """Run what the arguments say; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    options = parser.parse_args()
    waiting, running, failed = list(options.names or NAMES), dict[int, Running](), []
    while waiting or running:
        while waiting and len(running) < options.jobs:
            begun = begin(waiting.pop(0), options.seconds)
            running[begun.pid] = begun
        pid, status = os.wait()
        if told(ended := running.pop(pid), os.waitstatus_to_exitcode(status)):
            failed.append(ended.name)
    print(f"{len(options.names or NAMES)} readers, {options.seconds} s each; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


@dataclass(frozen=True)
class Running:
    """A reader's process and what it writes."""

    name: str
    pid: int
    output: IO[bytes]


def begin(name: str, seconds: int) -> Running:
    """One reader in a process of its own, since libFuzzer ends the process that it runs in. It is forked: what it runs is instrumented once."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process has ended
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        for descriptor in (1, 2):
            os.dup2(output.fileno(), descriptor)
        fuzz(name, seconds)
    return Running(name, pid, output)


def told(ended: Running, code: int) -> int:
    """Say what became of a reader; its exit code."""
    with ended.output as output:
        output.seek(0)
        text = output.read().decode(errors="replace")
    tried = re.search(r"number_of_executed_units: (\d+)", text)
    print(f"{ended.name:32} {tried[1] if tried else '-':>8} inputs  {'failed' if code else 'ok'}", flush=True)
    if code:
        print("\n".join(line[:300] for line in text.splitlines()[-60:]))
    return code


def fuzz(name: str, seconds: int) -> NoReturn:
    """Never returns: libFuzzer ends the process."""
    warnings.simplefilter("ignore")
    reader = all_parsers(generate_private_key(SMALL_BITS, secrets.randbits), Path(tempfile.mkdtemp(prefix="xinqiao-fuzz-")))[name]
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = Path(tempfile.mkdtemp(prefix="xinqiao-seeds-"))
    for number, seed in enumerate(reader.seeds):
        (seeds / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-timeout=20", f"-max_len={LONGEST}", "-verbosity=0", "-print_final_stats=1", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={corpus}/crash-", str(corpus), str(seeds)], lambda data: void(reader, data))
    atheris.Fuzz()
    raise AssertionError("libFuzzer returned")


def void(reader: Parser, data: bytes) -> None:
    """libFuzzer takes a function without a value."""
    judge(reader, data)


if __name__ == "__main__":
    sys.exit(main())
