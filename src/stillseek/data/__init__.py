"""Data: manifests, rendered and planted videos, examples with their features, batches."""
