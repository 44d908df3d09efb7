"""What is known: facts (questions), gates, effects, readiness, risks and claims, one YAML file each, with evidence and examples."""
