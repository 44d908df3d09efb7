"""The parts of a report, one file each; see `advisor.reports.build`."""
