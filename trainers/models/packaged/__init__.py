"""Models that come from the package index: one YAML file each."""
