"""What every process tells of itself, whatever its role: whether it can serve, how long its certificate lasts, room on its disk [H2]."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from cryptography import x509

from nodes.errors import IdentityError, NotReadyError
from nodes.runtime.files import read_private
from nodes.runtime.observing import gauges
from nodes.runtime.observing.health import Health
from nodes.runtime.settings import NodeSettings


def tell_of(settings: NodeSettings, health: Health) -> None:
    """Offer the gauges of the process that runs with ``settings``."""

    def ready() -> float:
        try:
            health.check()
        except NotReadyError:
            return 0.0
        return 1.0

    gauges.gauge("xinqiao_ready", "1 while the process can serve, else 0", ready)
    gauges.gauge(
        "xinqiao_certificate_seconds_left",
        "Seconds until the certificate in keys_dir ends; negative afterwards",
        lambda: certificate_end(settings.keys_dir / "cert.pem") - time.time(),
    )
    gauges.gauge("xinqiao_disk_free_bytes", "Room left on the disk of state_dir", lambda: shutil.disk_usage(settings.state_dir).free)


def certificate_end(path: Path) -> float:
    """Unix time at which the first certificate in the private file ``path`` ends. Raises SecretFileError, or IdentityError when it holds none."""
    try:
        return x509.load_pem_x509_certificates(read_private(path))[0].not_valid_after_utc.timestamp()
    except ValueError as error:
        raise IdentityError(f"{path} is not a PEM certificate") from error
