"""Paths of the checkout that is measured."""

from pathlib import Path

from touchdown.local.specification import TRAINER_ENVIRONMENT

CHECKOUT = Path(__file__).resolve().parents[1]
TRAINER = CHECKOUT / TRAINER_ENVIRONMENT
"""The trainer's Python environment."""
