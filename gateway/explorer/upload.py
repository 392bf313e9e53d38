"""The one file of a form that a browser sent: read within the bounds of every request, and kept nowhere [X3]."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP

from fastapi import Request

from nodes.errors import FormError

FIELD = "receipt"
MOST_PARTS = 4


async def read_receipt(request: Request) -> bytes:
    """A dependency: the content of the file field ``FIELD``; empty where none was chosen. Raises FormError for anything but a page's own form."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        raise FormError("the page's own form sends multipart/form-data")
    head = f"Content-Type: {kind}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + await request.body())
    if not message.is_multipart():
        raise FormError("the form is not as the page's own")
    parts = [part for part in message.iter_parts() if _name(part) == FIELD]
    if len(parts) != 1 or len(list(message.iter_parts())) > MOST_PARTS:
        raise FormError(f"the form has one field {FIELD}")
    content = parts[0].get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _name(part: Message) -> object:
    return part.get_param("name", header="content-disposition")
