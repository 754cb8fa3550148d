"""What the lab adds to a config so that it can be measured, without changing what is measured.

Every server, location and ``if`` sets a variable to its own place, which answers carry back and requests carry to the origin. Lists such as
``add_header`` replace those of outer levels as a whole, so where a level has such a list the lab's item joins it, and the outermost level has it
in any case: what is in force stays what it was. Ports, addresses and paths become those of the lab.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.differential.nginx.generator import ORIGIN
from tests.differential.nginx.tree import Config, Node, b, d

_LISTS = {
    "add_header": (
        [d("add_header", "X-Loc", "$lab", "always"), d("add_header", "X-Spent", '"$upstream_response_time"', "always")]
    ),
    "proxy_set_header": [d("proxy_set_header", "X-Loc", "$lab"), d("proxy_set_header", "X-Probe", "$http_x_probe")],
    "grpc_set_header": [d("grpc_set_header", "X-Loc", "$lab"), d("grpc_set_header", "X-Probe", "$http_x_probe")],
}
_SAME = {"add_header_inherit": "add_header"}


@dataclass(frozen=True)
class Surroundings:
    """What stands for the made-up machine: the ports of clients, the port of the origins, the certificate, and the lab's own port.

    :param sides: the port of the origins of subrequests.
    :param limits: keep limits on the number of connections and of failures, which would be in the way of measuring many things at once.
    """

    ports: Mapping[int, int]
    origin: int
    sides: int
    control: int
    certificate: str
    key: str
    limits: bool = False


def instrument(config: Config, around: Surroundings) -> dict[str, str]:
    """The files that nginx is started with. The config must have been printed: places are lines of what people wrote."""
    made = Config(_nodes(config.top, "main", around))
    listens = [node for node in made.walk() if node.name == "listen"]
    # A client that stops reading is felt at once, and not when megabytes have gone into the kernel. A wildcard's socket is also that of addresses.
    for node in {
        node.args[0].rpartition(":")[2]: node for node in sorted(listens, key=lambda node: ":" not in node.args[0])
    }.values():
        node.args += ("sndbuf=16k",)
    return made.files()


def _nodes(nodes: list[Node], context: str, around: Surroundings) -> list[Node]:
    made: list[Node] = []
    if context == "events":
        # With the limits of the config, there is a slot more for the lab's own listener.
        said = next((int(node.args[0]) for node in nodes if node.name == "worker_connections"), 512)
        made.append(d("worker_connections", str(said + 1 if around.limits else 2000)))
        nodes = [node for node in nodes if node.name != "worker_connections"]
    if context == "main":
        made += [d("worker_processes", "1"), d("error_log", "error.log", "info")]
    for node in nodes:
        made += _node(node, context, around)
    names = {_SAME.get(node.name, node.name) for node in nodes}
    if context != "side":
        for name, items in _LISTS.items():
            if name in names or context == "http":
                made += items
    if context == "http":
        made += _own(around)
    return made


def _node(node: Node, context: str, around: Surroundings) -> list[Node]:
    if node.name == "worker_processes" or (node.name == "limit_conn" and not around.limits):
        return []
    if node.name == "listen":
        return [
            d("listen", re.sub(r"\d+$", lambda found: str(around.ports[int(found[0])]), node.args[0]), *node.args[1:])
        ]
    args = tuple(
        word.replace("/etc/nginx/tls/cert.pem", around.certificate).replace("/etc/nginx/tls/key.pem", around.key)
        for word in node.args
    )
    if node.name in {"server", "proxy_pass", "grpc_pass"} and args:
        port = around.sides if context == "side" else around.origin
        args = (re.sub(rf"\b(127\.0\.0\.\d+):{ORIGIN}\b", rf"\1:{port}", args[0]), *args[1:])
    if context == "upstream" and node.name == "server" and not around.limits:
        # A server that has failed a probe would stay away from the others.
        args = (*(word for word in args if not word.startswith("max_conns=")), "max_fails=0")
    if node.block is None:
        return [Node(node.name, args)]
    if node.file:
        return [
            Node(
                "include", args, _nodes(node.block, context + "+" if context == "http" else context, around), node.file
            )
        ]
    inner = _nodes(node.block, _context(node), around)
    if (
        node.name in {"server", "location", "if"}
        and _context(node) != "side"
        and context != "upstream"
        and not (node.name == "if" and context == "server")
    ):
        # Subrequests begin in the server again and share their request's variables: what is set stays.
        own = d("set", "$lab", node.place)
        inner.insert(0, b("if", '($lab = "")', block=[own]) if node.name == "server" else own)
    return [Node(node.name, args, inner)]


def _context(node: Node) -> str:
    """What the inside of a block is; subrequests share variables with their request and must not touch the lab's."""
    if node.name == "location" and any(
        inner.name == "proxy_set_header" and inner.args[0] == "X-Side" for inner in node.block or ()
    ):
        return "side"
    return node.name


def _own(around: Surroundings) -> list[Node]:
    """A server that answers at once, with nginx's time: when it has, the worker has dealt with all that came before."""
    return [b("server", block=[
        d("listen", f"127.0.0.1:{around.control}"), d("keepalive_requests", "1000000"), d("keepalive_timeout", "10h"), d("access_log", "off"),
        b("location", "/", block=[d("set", "$lab", "lab"), d("return", "200", '"$msec"')]),
    ])]  # fmt: skip
