"""Forms as a site's own pages send them, and nothing else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request

from nodes.errors import FormError, FormSentError

MOST_FIELDS = 1000
MOST_MARKS = 50_000


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form."""

    fields: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """The value of a field, empty where there is none. Raises FormError for more than one."""
        values = self.fields.get(name, ("",))
        if len(values) != 1:
            raise FormError(f"the form names {name} more than once")
        return values[0]

    def many(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return tuple(self.fields.get(name, ()))


class Marks:
    """Marks of forms that were sent. Every form is drawn with its own, and acts once however often it is sent. In memory, thread-safe."""

    def __init__(self, most: int = MOST_MARKS) -> None:
        self._most = most
        self._sent: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def once(self, session: str, mark: str) -> Iterator[None]:
        """For the block, which is the act: it may be tried again when it raises. A form without a mark is a program's, and acts every time.

        Raises FormSentError where the form of this session was sent before, or is being acted on.
        """
        if not mark:
            yield
            return
        key = (session, mark)
        with self._lock:
            if key in self._sent:
                raise FormSentError("a second click or a page gone back to sends a form again")
            self._sent[key] = None
            while len(self._sent) > self._most:
                self._sent.popitem(last=False)
        try:
            yield
        except BaseException:
            with self._lock:
                self._sent.pop(key, None)
            raise


async def read_form(request: Request) -> Form:
    """The fields of a form as browsers send it. Raises FormError for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise FormError("the page's own form sends application/x-www-form-urlencoded")
    found: dict[str, tuple[str, ...]] = {}
    try:
        for name, value in parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS):
            found[name] = (*found.get(name, ()), value)
    except ValueError as error:
        raise FormError("the form is not as the page's own") from error
    return Form(found)
