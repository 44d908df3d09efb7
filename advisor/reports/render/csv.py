"""Every table and the figures of every chart as CSV files, through pandas. No cell can become a formula."""

from pathlib import Path

from advisor.reports.document import Document
from advisor.reports.frames import frame, neutral

HELP = "every table and chart as CSV, numbers unrounded"
DEFAULT = True


def write(document: Document, folder: Path) -> list[Path]:
    """tables/NAME.csv for each table of the report (UTF-8 with a mark, so that spreadsheets read it right)."""
    target = folder / "tables"
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for table in document.report.tables():
        path = target / f"{table.name}.csv"
        made = frame(table)
        for column in made.select_dtypes(exclude="number").columns:
            made[column] = [neutral(cell) for cell in made[column]]
        made.rename(columns=neutral).to_csv(path, index=False, encoding="utf-8-sig")
        written.append(path)
    return written
