"""Linting trees of Terraform about Cloudflare, modules and all, beside python-hcl2, which parses the same files and no more."""

from __future__ import annotations

from pathlib import Path

from tests.bench.generate import MEBIBYTE
from tests.bench.processes import Bench
from tests.bench.read import EXPONENT, growth
from tests.bench.report import Bound, Part, times

SIZES = (100, 500, 2_000)
_IMPORTS = """\
import sys
from proxycfg.collector import held_off
from proxycfg.lint import Options, lint
from proxycfg.roots import Search
from proxycfg.rules import rules
from proxycfg.targets.cloudflare.config import load
from proxycfg.targets.cloudflare.scene import scene_of
known = rules()
"""
OURS = f"""{_IMPORTS}
with held_off():
    found = Search().find([sys.argv[1]])
    report = lint(map(scene_of, found.clouds), Options(rules=list(known.values()), known=tuple(known)))
    assert not report.errors
    assert report.findings
"""
HCL2 = """\
import gc, hcl2, pathlib, sys
gc.disable()
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.tf")):
    hcl2.loads(path.read_text())
"""
"""Without the collector, as ours: with it the peer takes longer, which would flatter us."""
IDLE = {"ours": _IMPORTS, "hcl2": "import hcl2, pathlib, sys; hcl2.loads('a = 1\\n')"}
"""What the two take to start, which is not counted; python-hcl2 makes its parser when it is first used."""


def measure(folder: Path, *, quick: bool) -> Part:
    """Trees of several sizes."""
    bench = Bench(folder, quick=quick)
    part = Part("read-terraform: lint of a tree; processor time beyond the imports, the least of all rounds")
    sizes = SIZES[:1] if quick else SIZES
    paths = {size: write_tree(bench.folder / f"tree-{size}", size) for size in sizes}
    found = bench.beyond_imports({"ours": OURS, "hcl2": HCL2}, IDLE, paths, 1 if quick else 3)
    rows = []
    before = 0
    for size in sizes:
        ours, other = found[size]["ours"], found[size]["hcl2"]
        grown = growth(found[before]["ours"], ours, size, before) if before else None
        exponents = [f"{each:.2f}" for each in grown] if grown else ["", ""]
        ratio = ours.cpu / other.cpu
        rows.append(
            [
                f"{size:,}", f"{_bytes(paths[size]) / 1e6:.1f} MB", f"{ours.cpu:.2f} s", f"{other.cpu:.2f} s", times(ratio),
                exponents[0], f"{ours.peak / MEBIBYTE:.0f} MiB", exponents[1],
            ]
        )  # fmt: skip
        part.data[f"{size} files"] = {
            "cpu": ours.cpu, "peak": ours.peak, "hcl2_cpu": other.cpu, "hcl2_peak": other.peak, "exponents": grown,
        }  # fmt: skip
        if grown:
            part.bounds.append(Bound(f"exponent of time to {size:,} files", grown[0], EXPONENT))
            part.bounds.append(Bound(f"exponent of memory to {size:,} files", grown[1], EXPONENT))
            part.bounds.append(Bound(f"{size:,} files, lint as a ratio to python-hcl2's parse", ratio, 1.0))
        before = size
    part.table(["files", "size", "lint", "python-hcl2", "ratio", "time ~ n^", "memory", "memory ~ n^"], rows)
    return part


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.tf"))


# ---- a tree as people write them: a folder for each zone, and two modules that all of them call ----

SHARED = {
    "modules/stream/variables.tf": """\
variable "zone_id" { type = string }
variable "paths" { type = list(string) }
variable "cache" {
  type    = bool
  default = false
}
""",
    "modules/stream/main.tf": """\
resource "cloudflare_ruleset" "buffering" {
  zone_id = var.zone_id
  name    = "streams"
  kind    = "zone"
  phase   = "http_config_settings"
  rules = [for path in var.paths : {
    ref               = "stream_${replace(path, "/", "_")}"
    expression        = "starts_with(http.request.uri.path, \\"${path}\\")"
    action            = "set_config"
    action_parameters = { response_body_buffering = "none", bic = false, rocket_loader = false }
  }]
}

resource "cloudflare_ruleset" "cache" {
  zone_id = var.zone_id
  name    = "cache"
  kind    = "zone"
  phase   = "http_request_cache_settings"
  rules = concat([{
    expression        = "ends_with(http.request.uri.path, \\".css\\") or ends_with(http.request.uri.path, \\".js\\")"
    action            = "set_cache_settings"
    action_parameters = { cache = true, edge_ttl = { mode = "override_origin", default = 86400 } }
  }], [for path in var.paths : {
    expression        = "starts_with(http.request.uri.path, \\"${path}\\")"
    action            = "set_cache_settings"
    action_parameters = { cache = var.cache }
  }])
}
""",
    "modules/settings/variables.tf": """\
variable "zone_id" { type = string }
variable "settings" { type = map(string) }
""",
    "modules/settings/main.tf": """\
resource "cloudflare_zone_setting" "this" {
  for_each   = var.settings
  zone_id    = var.zone_id
  setting_id = each.key
  value      = each.value
}
""",
}
_MAIN = """\
locals {{
  paths = ["/v1/chat", "/v{version}/events", "/rooms/{number}"]
}}

resource "cloudflare_zone" "this" {{
  name    = "zone-{number}.example.com"
  account = {{ id = var.account_id }}
}}

module "streams" {{
  source  = "../../modules/stream"
  zone_id = cloudflare_zone.this.id
  paths   = local.paths
  cache   = {cache}
}}

module "settings" {{
  source   = "../../modules/settings"
  zone_id  = cloudflare_zone.this.id
  settings = {{ websockets = "on", "0rtt" = "off", always_online = "off", http3 = "on", min_tls_version = "1.2" }}
}}
"""
_FIREWALL = """\
# Who may come in.
resource "cloudflare_ruleset" "firewall" {{
  zone_id = cloudflare_zone.this.id
  name    = "firewall"
  kind    = "zone"
  phase   = "http_request_firewall_custom"
  rules = [
    {{
      ref         = "scanners"
      description = "Nobody of ours asks for these"
      expression  = "http.request.uri.path contains \\"/.env\\" or http.request.uri.path contains \\"/wp-login\\""
      action      = "block"
    }},
    {{
      ref         = "login"
      expression  = "http.request.uri.path eq \\"/login\\" and ip.src.country in {{\\"T1\\" \\"XX\\"}}"
      action      = "managed_challenge"
    }},
    {{
      ref         = "admin_{number}"
      expression  = "starts_with(http.request.uri.path, \\"/admin\\") and not ip.src in {{192.0.2.0/24 198.51.100.{byte}}}"
      action      = "block"
    }},
  ]
}}

resource "cloudflare_ruleset" "rates" {{
  zone_id = cloudflare_zone.this.id
  name    = "rates"
  kind    = "zone"
  phase   = "http_ratelimit"
  rules = [
    {{
      ref        = "api"
      expression = "starts_with(http.request.uri.path, \\"/v1/\\")"
      action     = "block"
      ratelimit = {{
        characteristics     = ["cf.colo.id", "ip.src"]
        period              = 10
        requests_per_period = {rate}
        mitigation_timeout  = 10
      }}
    }},
  ]
}}
"""
_DNS = """\
locals {{
  records = {{
    www  = {{ type = "CNAME", content = "zone-{number}.example.com", proxied = true }}
    api  = {{ type = "A", content = "198.51.100.{byte}", proxied = true }}
    mail = {{ type = "A", content = "198.51.100.{byte}", proxied = false }}
  }}
}}

resource "cloudflare_dns_record" "this" {{
  for_each = local.records
  zone_id  = cloudflare_zone.this.id
  name     = each.key
  type     = each.value.type
  content  = each.value.content
  proxied  = each.value.proxied
  ttl      = 1
}}
"""
_VARIABLES = """\
variable "account_id" {{
  type        = string
  description = "The account of zone {number}."
}}
"""
_FILES = {"main.tf": _MAIN, "firewall.tf": _FIREWALL, "dns.tf": _DNS, "variables.tf": _VARIABLES}


def write_tree(folder: Path, files: int) -> Path:
    """A tree of that many files, a multiple of four."""
    for name, text in SHARED.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for number in range((files - len(SHARED)) // len(_FILES)):
        zone = folder / "zones" / f"zone-{number:04d}"
        zone.mkdir(parents=True)
        values = {
            "number": number, "version": number % 3 + 1, "byte": number % 250 + 1, "rate": (5, 50, 500)[number % 3],
            "cache": "true" if number % 5 == 0 else "false",
        }  # fmt: skip
        for name, text in _FILES.items():
            (zone / name).write_text(text.format(**values))
    return folder
