"""``python -m nodes.runtime.observing.probe HOST:PORT``: exit code 0 when the process whose listener is there can serve, else 1.

For the health check of a container: it starts in a fraction of a second, since it imports nothing of the program.
"""

from __future__ import annotations

import http.client
import sys

TIMEOUT_S = 5.0


def main(address: str) -> int:
    """Ask /readyz; what it answers goes to standard output."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        print(answer.read(4096).decode(errors="replace"))
    except OSError as error:
        print(f"{address}: {error}")
        return 1
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else 2)
