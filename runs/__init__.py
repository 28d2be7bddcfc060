"""What a run is: contracts, settings, names, verdict, errors. Nothing here imports Azure or does I/O."""
