"""Letting time pass on a local AWS: what is due next, having it done, and saying what came of it."""
