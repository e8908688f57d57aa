"""Hypothesis for the domain: pure functions need no deadline, and a busy machine must not fail a test."""

from hypothesis import settings

settings.register_profile("domain", deadline=None, max_examples=60)
settings.load_profile("domain")
