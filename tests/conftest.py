"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples in every run, so that a red build is the change's own doing; `make explore` looks for new ones.
settings.register_profile("fixed", derandomize=True, database=None)
settings.register_profile("explore", print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
