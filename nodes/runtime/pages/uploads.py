"""A form with one file, as a site's own pages send it (multipart/form-data), and nothing else. Bounded by the interface's bodies."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fastapi import Request

from nodes.errors import FormError
from nodes.runtime.pages.forms import MOST_FIELDS, Form
from nodes.runtime.pages.site import Site

_BOUNDARY = re.compile(r'multipart/form-data\s*;\s*boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?', re.IGNORECASE)
_DISPOSITION = re.compile(rb'content-disposition:\s*form-data\s*;\s*name="([^"\r\n]{1,64})"(;\s*filename="([^"\r\n]*)")?\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upload:
    """The fields of a form and its file; ``name``: as the browser calls the file, not to be relied on."""

    form: Form
    content: bytes
    name: str


def upload_of(site: Site) -> Callable[[Request], AsyncIterator[Upload]]:
    """A dependency: the form with a file that a page of this session sent, which acts once. Raises SignInError, FormError, FormSentError."""

    async def checked(request: Request) -> AsyncIterator[Upload]:
        upload = read_upload(request.headers.get("content-type", ""), await request.body())
        session = site.session(request)
        session.check_form(upload.form.one("form"))
        with site.marks.once(session.form, upload.form.one("mark")):
            yield upload

    return checked


def read_upload(content_type: str, body: bytes) -> Upload:
    """The fields and the one file in a body of multipart/form-data. Raises FormError for anything else."""
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        raise FormError("the page's own form sends multipart/form-data")
    mark = b"\r\n--" + found[1].encode()
    first, *parts = (b"\r\n" + body).split(mark)
    if first or len(parts) < 2 or len(parts) > MOST_FIELDS or parts[-1].strip(b"\r\n") != b"--":
        raise FormError("the form is not as the page's own")
    fields: dict[str, tuple[str, ...]] = {}
    files: list[tuple[str, bytes]] = []
    for part in parts[:-1]:
        name, filename, content = _part(part)
        if filename is None:
            fields[name] = (*fields.get(name, ()), _text(content))
        else:
            files.append((filename, content))
    if len(files) != 1:
        raise FormError("the form has exactly one file")
    return Upload(Form(fields), files[0][1], files[0][0])


def _part(part: bytes) -> tuple[str, str | None, bytes]:
    """(name, file name, content) of one part."""
    head, gap, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    found = next((match for line in head.split(b"\r\n") if (match := _DISPOSITION.fullmatch(line))), None)
    if not gap or found is None:
        raise FormError("the form is not as the page's own")
    return _text(found[1]), None if found[2] is None else _text(found[3]), content


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FormError("the form is not as the page's own") from error
