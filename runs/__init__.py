"""What a run is: the contracts between its steps, its settings, its names, its record."""
