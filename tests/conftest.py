"""What every level of tests shares."""
