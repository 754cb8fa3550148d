"""``python -m tests.measured_picture``: a picture of the page about a measurement, for the documentation, out of a recording of stock nginx."""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path

from proxycfg.reports import measured_html
from tests.clients import chromium
from tests.measurements import recorded, replayed

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "probe.png"


def main() -> None:
    """Write it anew; needs Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "there is no Chromium on the PATH"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "page.html"
        route = replayed(recorded("probe-sse-nginx-1.30-stock-tls"))
        file.write_text(measured_html.render("proxycfg probe", [route], {}))
        with chromium.page(program, Path(folder)) as page:
            page.width(1000)
            page.open(file.as_uri())
            seen = page.do("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        PICTURE.write_bytes(base64.b64decode(seen["data"]))


if __name__ == "__main__":
    main()
