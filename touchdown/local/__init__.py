"""Touchdown on a localcloud: its resources, its pipeline and code, and the target of its client."""

from touchdown.local.target import target

__all__ = ["target"]
