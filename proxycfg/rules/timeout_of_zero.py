"""A timeout of 0 fires at once.

**What it sees.** `proxy_read_timeout 0`, `proxy_connect_timeout 0` or their like for any route; `send_timeout 0` and `client_body_timeout 0`.

**Why it hurts.** In nginx 0 does not mean never. With a read or connect timeout of 0 every request is answered 504 at once, with
`client_body_timeout 0` every upload is closed, with `send_timeout 0` a client is dropped the first time that it is slower than its stream.

**Instead.**

```nginx
proxy_read_timeout 1h;
```

**When it is fine.** Never.

**Measured.** Instant 504 with a read or connect timeout of 0; truncated answers for slow readers with `send_timeout 0` (1.22, 1.26, 1.30). Its
configs show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.rules._modules import MODULES, settings

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


_FATAL = settings("read_timeout", "connect_timeout", of=(*MODULES, "memcached"))
_NAMES = (*_FATAL, "send_timeout", "client_body_timeout", "client_header_timeout")
_ZERO = frozenset({"0", "0s", "0ms", "0m", "0h"})


@idiom(*_NAMES, category=Category.IDLE_TIMEOUT, severity=Severity.ERROR)
def timeout_of_zero(tree: NginxTree) -> Iterator[Complaint]:
    """Every such timeout, whether something streams there or not."""
    for line in tree.walk(*_NAMES):
        if line.args[:1] and line.args[0] in _ZERO:
            fatal = line.name in _FATAL
            yield Complaint(
                severity=Severity.ERROR if fatal else Severity.WARNING,
                message=f"`{line.source}` does not switch the timer off: it fires at once",
                why=("Every request ends with 504." if fatal else "Clients are dropped the first time that they pause.")
                + " Write 1h for a long time.",
                span=line.span,
            )
