"""Cloudflare: rules and settings of a zone as Terraform and for the Rulesets API, a tunnel and a Worker where the spec asks for them."""

from __future__ import annotations

from proxycfg.target import Target
from proxycfg.targets.cloudflare.aim import plan_of
from proxycfg.targets.cloudflare.write import write

TARGET = Target(name="cloudflare", title="Cloudflare", version=lambda spec: f"{plan_of(spec).name} plan", write=write)
