"""What files of Cloudflare look like: told from name and text, since files of nginx are read without any parser of these languages."""

from __future__ import annotations

import re

ENDINGS = frozenset((".tf", ".tfvars", ".json", ".jsonc", ".toml", ".yaml", ".yml"))
"""Of files in a folder that may be Cloudflare's."""
_HCL = re.compile(r'(?m)^[ \t]*resource[ \t]+"cloudflare_\w+"[ \t]+"')
_MODULE = re.compile(
    r'(?m)^[ \t]*(?:(?:variable|module|data|provider|output|resource)[ \t]+"|locals[ \t]*\{|terraform[ \t]*\{)'
)
_CALL = re.compile(r'(?m)^[ \t]*source[ \t]*=[ \t]*"(\.{1,2}/[^"\n]*)"')
_RULES = re.compile(r'"expression"[ \t\r\n]*:')
_SETTINGS = re.compile(r'"editable"[ \t\r\n]*:')
_TUNNEL = re.compile(r"(?m)^ingress[ \t]*:")
_OTHERS = re.compile(r"(?m)^[ \t]*(?:apiVersion|kind|services)[ \t]*:")
_WRANGLER = re.compile(r"""(?m)^[ \t]*["']?compatibility_date["']?[ \t]*[=:]""")


def calls_of(text: str) -> list[str]:
    """The folders of the modules that a Terraform file may call, relative to its own."""
    return _CALL.findall(text)


def is_wrangler(name: str) -> bool:
    """Whether a file has the name of a Worker's settings."""
    return re.fullmatch(r"wrangler\.(?:toml|jsonc?)", name.rpartition("/")[2].lower()) is not None


def kind_of(name: str, text: str) -> str:  # noqa: PLR0911 - one answer for each kind
    """What a file of Cloudflare is: ``hcl``, ``tfvars``, ``tf.json``, ``plan``, ``rules``, ``settings``, ``wrangler`` or ``tunnel``; else empty."""
    lower = name.rpartition("/")[2].lower()
    if lower.endswith(".tf"):
        return "hcl"
    if lower.endswith(".tfvars"):
        return "tfvars"
    if is_wrangler(name) or (lower.endswith((".toml", ".jsonc")) and _WRANGLER.search(text)):
        return "wrangler"
    if lower.endswith(".tf.json"):
        return "tf.json"
    bare = text.lstrip("\ufeff \t\r\n")
    if bare.startswith(("{", "[")) and not lower.endswith((".yaml", ".yml", ".toml")):
        if '"root_module"' in text:
            return "plan" if f'"{PREFIX}' in text else ""
        if '"cloudflare_' in text and '"resource"' in text:
            return "tf.json"
        if _RULES.search(text) and ('"rules"' in text or '"phase"' in text):
            return "rules"
        return "settings" if _SETTINGS.search(text) and '"id"' in text else ""
    if lower == "<stdin>" and (_HCL.search(text) or (_MODULE.search(text) and PREFIX in text)):
        return "hcl"
    if lower == "<stdin>" and _WRANGLER.search(text):
        return "wrangler"
    if _TUNNEL.search(text) and not _OTHERS.search(text) and re.search(r"(?m)^[ \t-]*service[ \t]*:", text):
        return "tunnel"
    return ""


PREFIX = "cloudflare_"
"""Of the types of resources that Cloudflare's provider has."""


def recognises(name: str, text: str) -> bool:
    """Whether a file is one of Cloudflare's by itself: a Terraform file that speaks of it, or any of the others."""
    kind = kind_of(name, text)
    return (
        bool(kind)
        and (kind != "hcl" or _HCL.search(text) is not None)
        and kind != "tfvars"
        and (kind != "tf.json" or PREFIX in text)
    )
