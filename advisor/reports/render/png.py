"""Every chart as a PNG picture."""

from pathlib import Path

from advisor.reports.charts.images import write_images
from advisor.reports.document import Document

HELP = "every chart as a picture (needs kaleido and Chromium)"
DEFAULT = False
PICTURES = True


def write(document: Document, folder: Path) -> list[Path]:
    """charts/NAME.png."""
    return write_images(document.report.charts(), folder / "charts", "png")
