"""grpc.health.v1 over the process's own health, on the servers that it runs anyway: under mutual TLS and for members only [H1]."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from grpc_health.v1 import health_pb2 as wire
from grpc_health.v1 import health_pb2_grpc

from nodes.errors import NotFoundError, NotReadyError
from nodes.runtime.observing.health import STOPPING, Health

WATCH_S = 2.0


class HealthService(health_pb2_grpc.HealthServicer):
    """Answers for the whole process: every service of ``services``, and the empty name, has the process's own status."""

    def __init__(self, health: Health, *services: str) -> None:
        self._health, self._services = health, frozenset({"", *services})

    def Check(self, request: wire.HealthCheckRequest, context: grpc.ServicerContext) -> wire.HealthCheckResponse:
        """Raises NotFoundError for a service that is not offered here."""
        if request.service not in self._services:
            raise NotFoundError("no such service is offered here")
        return _answer(self._serving())

    def Watch(self, request: wire.HealthCheckRequest, context: grpc.ServicerContext) -> Iterator[wire.HealthCheckResponse]:
        """The status, then each other one within ``WATCH_S``, until the caller hangs up or the process ends."""
        if request.service not in self._services:
            yield wire.HealthCheckResponse(status=wire.HealthCheckResponse.SERVICE_UNKNOWN)
            return
        told: bool | None = None
        while context.is_active():
            state, serving = self._health.state, self._serving()
            if serving != told:
                told = serving
                yield _answer(serving)
            if state == STOPPING:
                return
            self._health.wait(state, WATCH_S)

    def _serving(self) -> bool:
        try:
            self._health.check()
        except NotReadyError:
            return False
        return True


def _answer(serving: bool) -> wire.HealthCheckResponse:
    return wire.HealthCheckResponse(status=wire.HealthCheckResponse.SERVING if serving else wire.HealthCheckResponse.NOT_SERVING)
