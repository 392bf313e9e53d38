"""The one file of a form that a browser sent: read within the bounds of every request, and kept nowhere [X3]."""

from __future__ import annotations

from fastapi import Request

from nodes.runtime.pages.uploads import read_upload


async def read_receipt(request: Request) -> bytes:
    """A dependency: the content of the form's one file; empty where none was chosen. Raises FormError for anything but a page's own form.

    Anybody may send it, and everybody else's requests wait while it is read: it is read by what takes no longer than its length.
    """
    return read_upload(request.headers.get("content-type", ""), await request.body()).content
