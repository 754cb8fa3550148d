"""``python -m proxycfg.origin``: run the origin until interrupted."""

import argparse
import asyncio
import contextlib
import ssl
import sys
from pathlib import Path

from proxycfg.origin import Limits, Origin, OriginOptions, reference


def main(argv: list[str] | None = None) -> int:
    """Listen, say where, and stay."""
    given = _arguments().parse_args(argv)
    if given.reference:
        sys.stdout.write(reference())
        return 0
    if bool(given.cert) != bool(given.key):
        sys.stderr.write("--cert and --key come together\n")
        return 2
    options = OriginOptions(
        host=given.host,
        port=given.port,
        grpc_web=given.grpc_web,
        limits=Limits(exchanges=given.keep_exchanges, body=given.keep_body),
    )
    if given.cert:
        options["tls"] = tls_context(given.cert, given.key)
        options["tls_port"] = given.tls_port
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(Origin(**options)))
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proxycfg.origin", description=(__doc__ or "").partition(": ")[2])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port for clear text, 0 = any (default %(default)s)")
    parser.add_argument("--tls-port", type=int, default=8443, help="port for TLS (default %(default)s)")
    parser.add_argument("--cert", type=Path, help="certificate chain; with it TLS is on")
    parser.add_argument("--key", type=Path, help="its private key")
    parser.add_argument("--grpc-web", action="store_true", help="speak gRPC-Web, not gRPC alone")
    parser.add_argument("--keep-exchanges", type=int, default=1000, help="how many to remember (default %(default)s)")
    parser.add_argument("--keep-body", type=int, default=65536, help="bytes of each body (default %(default)s)")
    parser.add_argument("--reference", action="store_true", help="print the manual of the script language and exit")
    return parser


def tls_context(cert: Path, key: Path) -> ssl.SSLContext:
    """Make a server context that offers HTTP/2 and HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def _run(origin: Origin) -> None:
    async with origin.listen():
        sys.stdout.write(f"origin on {origin.url}" + (f" and {origin.tls_url}\n" if origin.tls_port else "\n"))
        sys.stdout.flush()
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    sys.exit(main())
