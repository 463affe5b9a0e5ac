"""Show the built book in a browser of this machine."""

from __future__ import annotations

import functools
import http.server
from pathlib import Path
from typing import Any

from hatlib.errors import InputError
from hatlib.publish.places import standard_site

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve files with a policy that lets pages ask nothing of other hosts."""

    def end_headers(self) -> None:
        """Add the policy."""
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


def serve(port: int = 8000, *, root: Path | None = None) -> http.server.ThreadingHTTPServer:
    """Serve the built book on this machine only.

    Parameters
    ----------
    port : int
        The port to listen on; 0 takes a free one.
    root : Path, optional
        The repository; by default the one around the working directory.

    Returns
    -------
    http.server.ThreadingHTTPServer
        Ready to `serve_forever()`; its address is in `server_address`.

    Raises
    ------
    InputError
        If there is no built book, or the port is taken.
    """
    site = standard_site(root)
    if not site.index.is_file():
        raise InputError("the book is not built yet.", "Build it with `hat book`.")
    try:
        handler = functools.partial(Handler, directory=str(site.html))
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        what = f"cannot listen on port {port}: {error.strerror}."
        raise InputError(what, "Choose another one with --port.") from error
