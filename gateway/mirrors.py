"""Other zones' logs as this zone's peer nodes mirror them, for whoever asks while the origin is away [F8]."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gateway.recognition.peers import Peers
from nodes.peering.files import CHECKPOINT
from scoring.statements import Name


def peer_logs(peers: Peers) -> APIRouter:
    """The static trees of the peers whose mirrors are here. Raises NotFoundError for any other, and for what is not mirrored."""
    routes = APIRouter()

    @routes.get(
        "/peers/{zone}/log/{path:path}",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}, "text/plain": {}}}},
    )
    def log_file(zone: Name, path: str) -> Response:
        """A peer zone's log as it was mirrored here: checkpoint, tile/<L>/<N>[.p/<W>], tile/entries/<N>[.p/<W>]. Judge it by that zone's keys."""
        content = peers.mirror(zone).read_path(path)
        if path == CHECKPOINT:
            return Response(content, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
        return Response(content, media_type="application/octet-stream", headers={"Cache-Control": "public, max-age=31536000, immutable"})

    return routes
