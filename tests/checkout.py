"""The checkout that is tested."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
DEFINITIONS = CHECKOUT / "bicep" / "definitions"
"""What Bicep deploys and a localcloud is given."""
