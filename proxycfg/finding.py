"""A finding: a property or an idiom that falls short, with place, reason and remedy."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar

from proxycfg.record import field, record
from proxycfg.source import Edit, Span


class Severity(StrEnum):
    """How bad it is: ``error`` will break the stream, ``warning`` may in production, ``info`` is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for info, 1 for warning, 2 for error: for thresholds."""
        return (Severity.INFO, Severity.WARNING, Severity.ERROR).index(self)


class Confidence(StrEnum):
    """How surely the route is a stream."""

    DECLARED = "declared"
    EXPLICIT = "explicit"
    INFERRED = "inferred"

    @property
    def rank(self) -> int:
        """0 for inferred, 1 for explicit, 2 for declared: for thresholds, and for the surest of several."""
        return (Confidence.INFERRED, Confidence.EXPLICIT, Confidence.DECLARED).index(self)


class Category(StrEnum):
    """The closed list of contract section 3."""

    RESPONSE_BUFFERING = "response-buffering"
    REQUEST_BUFFERING = "request-buffering"
    COMPRESSION = "compression"
    CACHING = "caching"
    IDLE_TIMEOUT = "idle-timeout"
    TOTAL_TIMEOUT = "total-timeout"
    SEND_TIMEOUT = "send-timeout"
    CONNECT_TIMEOUT = "connect-timeout"
    UPSTREAM_HTTP_VERSION = "upstream-http-version"
    UPGRADE_HEADERS = "upgrade-headers"
    CONNECTION_HEADER = "connection-header"
    HEADER_INHERITANCE = "header-inheritance"
    GRPC_TRANSPORT = "grpc-transport"
    RETRIES = "retries"
    SESSION_AFFINITY = "session-affinity"
    ERROR_PAGE_INJECTION = "error-page-injection"
    CONNECTION_LIMITS = "connection-limits"
    LOCATION_SHADOWED = "location-shadowed"
    TOKEN_IN_LOGS = "token-in-logs"
    PROTOCOL_MISMATCH = "protocol-mismatch"
    BODY_SIZE = "body-size"
    KEEPALIVE = "keepalive"
    HALF_CLOSE = "half-close"
    HEARTBEAT = "heartbeat"
    ORIGIN_CHECK = "origin-check"
    FORWARDED_HEADERS = "forwarded-headers"
    HARDENING = "hardening"
    OPERATIONS = "operations"
    SYNTAX = "syntax"


def page_of(rule: str) -> str:
    """The page that explains a kind of finding, relative to the project."""
    return f"docs/rules/{rule}.md"


@record(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of finding, of which there is a page.

    :param name: its slug.
    :param severity: the highest that it gives.
    :param read_page: gives its page, Markdown; the first line is a sentence that says what is wrong.
    :param targets: the kinds of hop that it is told of.
    """

    told_by: ClassVar[str]
    """The command that tells it."""

    name: str
    category: Category
    severity: Severity
    read_page: Callable[[], str]
    targets: tuple[str, ...]

    @property
    def page(self) -> str:
        """What there is to say of it."""
        return self.read_page()

    @property
    def summary(self) -> str:
        """The page's first line."""
        return self.page.split("\n", 1)[0]

    @property
    def file(self) -> str:
        """Where it is explained, relative to the project."""
        return page_of(self.name)


@record(frozen=True, slots=True)
class Fix:
    """A change that removes the finding; ``safe`` means that it changes nothing else."""

    title: str
    safe: bool
    edits: tuple[Edit, ...]


@record(frozen=True, slots=True)
class Related:
    """Another place that the finding speaks of, with its own phrase."""

    span: Span
    message: str


@record(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that falls short, as contract section 3 prints it.

    ``target`` is the kind of hop it concerns; ``route_host`` is None where the route serves any host.
    """

    rule: str
    category: Category
    severity: Severity
    message: str
    why: str
    span: Span
    target: str
    confidence: Confidence = Confidence.DECLARED
    protocol: str | None = None
    route_host: str | None = None
    route_path: str | None = None
    related: tuple[Related, ...] = field(default=())
    fix: Fix | None = None

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """Findings are listed by file, line, column, rule."""
        return (self.span.file, self.span.line, self.span.column, self.rule, self.target)

    def __str__(self) -> str:
        """The one-line form, then the reason."""
        head = f"{self.span}: {self.severity}[{self.rule}] {self.target}: {self.message}"
        return f"{head}\n  = {self.why}" if self.why else head
