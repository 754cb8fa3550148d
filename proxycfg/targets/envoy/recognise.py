"""What a file of Envoy looks like: told from its text alone, since files of nginx are read without any YAML."""

from __future__ import annotations

import re

_MARKS = re.compile(
    r"""type\.googleapis\.com/envoy\.
      | (?m:^[ \t{-]*["']?(?:static_resources|staticResources|dynamic_resources|dynamicResources|virtual_hosts|virtualHosts
                           |filter_chains|filterChains|load_assignment|loadAssignment|overload_manager|overloadManager)["']?[ \t]*:)""",
    re.VERBOSE,
)
_OTHERS = re.compile(r"""(?m)^["']?(?:apiVersion|openapi|swagger)["']?[ \t]*:""")
ENDINGS = frozenset((".yaml", ".yml", ".json"))
"""Of files in a folder that may be Envoy's."""


def recognises(text: str) -> bool:
    """Whether a text looks like one of Envoy's files; manifests that hold one in a string do not."""
    return _MARKS.search(text) is not None and _OTHERS.search(text) is None
