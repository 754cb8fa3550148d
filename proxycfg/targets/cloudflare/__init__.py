"""Cloudflare: so far its limits, against which a spec that names it is checked; its configs are not written yet."""
