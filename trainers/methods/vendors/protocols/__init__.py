"""The protocols that vendors speak: a module each with a `Service` (see `trainers.methods.vendors.jobs.Jobs`)."""
