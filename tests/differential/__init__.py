"""The differential test: random nginx configs on real nginx, what is measured there against what proxycfg reads out of them.

``python -m tests.differential --count 1000 --seed 1`` runs it; ``docs/decisions/0009-differential.md`` says how each property is measured.
"""
