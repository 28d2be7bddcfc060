"""The checkout that is tested."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
DEFINITIONS = CHECKOUT / "bicep" / "definitions"
"""The definitions that both Bicep and localcloud use."""
