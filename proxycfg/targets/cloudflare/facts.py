"""What is known about Cloudflare's edge, from its documentation; none of it can be measured from outside an account."""

from __future__ import annotations

SILENCE = 100.0
"""Seconds of silence from the origin that every plan below Enterprise is sure to allow: the documentation has said 100, 120 and
125 in turn (https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/error-524/)."""

SILENCE_ENTERPRISE = 6000.0
"""Seconds up to which Enterprise may raise it (`proxy_read_timeout`)."""
