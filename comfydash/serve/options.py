"""The options of ``serve``, for the supervisor and for Django's list of commands alike."""

from __future__ import annotations

import argparse

HELP = "Run the dashboard: start-up checks, web server and worker under one supervisor."
EXIT_STATUSES = """exit status:
  0  stopped on request (SIGTERM, SIGINT)
  1  could not start; the last line says why
  2  wrong arguments
  3  stopped on request, but a process had to be killed
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8082, help="port to listen on, 0 for any (default: %(default)s)")
    parser.add_argument("--no-worker", action="store_true", help="no downloads here: another process runs them")
    parser.add_argument("--no-web", action="store_true", help="no pages here: another process serves them")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="manage.py serve",
        description=HELP,
        epilog=EXIT_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    if options.no_web and options.no_worker:
        parser.error("--no-web and --no-worker together leave nothing to run.")
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use a number from 0 to 65535")
    return int(text)
