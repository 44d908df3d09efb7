"""What the methods share: examples, batches, the loop and the artefact."""
