"""Every table and the figures of every chart as Parquet files, through pandas and pyarrow."""

from pathlib import Path

from advisor.base.errors import require
from advisor.reports.document import Document
from advisor.reports.frames import frame

HELP = "every table and chart as Parquet (needs pyarrow)"
DEFAULT = False


def write(document: Document, folder: Path) -> list[Path]:
    """tables/NAME.parquet for each table. Raises `MissingPartError` without pyarrow."""
    require("pyarrow", "data")
    target = folder / "tables"
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for table in document.report.tables():
        path = target / f"{table.name}.parquet"
        frame(table).to_parquet(path, index=False)
        written.append(path)
    return written
