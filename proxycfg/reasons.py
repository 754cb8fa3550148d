"""Why a proxy answers by itself, in the words of every target: for the person who reads the JSON of such an answer."""

from __future__ import annotations

__all__ = ["FOREIGN_ORIGIN", "METHOD", "UNCLEAR_PATH", "UNKNOWN_HOST"]

FOREIGN_ORIGIN = "this web origin may not open the socket"
METHOD = "the route does not take this method"
UNCLEAR_PATH = "the path means different things to different servers"
UNKNOWN_HOST = "no route is for this host"

BY_STATUS = {
    400: UNCLEAR_PATH + ", or the request is malformed",
    403: FOREIGN_ORIGIN,
    404: "no route is for this path",
    405: METHOD,
    413: "the body is larger than the route takes",
    414: "the path is too long",
    429: "too many requests, or too many streams, from this address",
    431: "the request's headers are too large",
    500: "the proxy failed",
    502: "the origin could not be reached, or gave no answer that can be understood",
    503: "the proxy is overloaded",
    504: "the origin was silent for too long",
}
"""For a proxy that knows no more than the status."""
