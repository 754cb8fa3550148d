"""The differential test: random configs on real proxies, what is measured there against what proxycfg reads out of them.

``python -m tests.differential --engine envoy --count 1000 --seed 1`` runs it; ``docs/decisions/0009-differential.md`` says how each property is
measured. What any proxy has in common is here, and a folder for each holds what is its own.
"""
