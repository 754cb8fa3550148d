"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples in every run, and no clock, so that a red build is the change's own doing; `make explore` looks for new ones.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", print_blob=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
