"""Every wait for PostgreSQL has an end. What a person writes into DATABASE_URL wins over what stands here."""

from __future__ import annotations

import platform
import re
from typing import Any

# libpq's own options. Connecting and sending end soon; a server whose machine vanished is found out by keepalives.
CONNECTION = {
    "connect_timeout": 5,  # seconds, for each address of the name
    "tcp_user_timeout": 10_000,  # milliseconds that what was sent may stay unacknowledged
    "keepalives": 1,
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
# The server's. The last five free locks and connections of a client whose machine froze or vanished.
SESSION = {
    "statement_timeout": 20_000,  # milliseconds, as long as SQLite waits for its lock
    "idle_in_transaction_session_timeout": 30_000,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    # Our questions are short: to start helpers or a compiler for one takes longer than the answer.
    "max_parallel_workers_per_gather": 0,
    "jit": "off",
}
GRACE_SECONDS = 5.0  # for the server's own words that a statement took too long
UNITS = {"": 0.001, "us": 1e-6, "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def limited(database: dict[str, Any]) -> dict[str, Any]:
    """This entry of Django's DATABASES with an end to each wait.

    ``SILENCE_SECONDS`` is how long the server may say nothing to a statement, None for ever: the server's own limit is
    worth nothing where the server hangs, or what stands between goes on acknowledging.
    """
    written = database.get("OPTIONS") or {}
    session = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    options = f"{session} {written.get('options', '')}".strip()  # of two that say the same the last one counts
    seconds = _statement_seconds(options)
    return {
        **database,
        "OPTIONS": {
            "fallback_application_name": f"comfydash on {platform.node()}"[:63],
            **CONNECTION,
            **written,
            "options": options,
        },
        "SILENCE_SECONDS": seconds + GRACE_SECONDS if seconds else None,
    }


def _statement_seconds(options: str) -> float:
    """The last statement_timeout in a line of options for the server; 0 for none."""
    found = re.findall(r"statement_timeout\s*=\s*['\"]?(\d+)\s*(us|ms|s|min|h|d)?", options)
    number, unit = found[-1]
    return int(number) * UNITS[unit]
