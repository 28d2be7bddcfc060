"""Orchestrators: deterministic, and nothing but the story of a run."""
