"""What is known: facts (questions), gates, effects, guidance, readiness, risks and claims, one YAML file each."""
