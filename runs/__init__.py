"""What a run is: contracts, settings, names, verdict, errors. Nothing here imports Azure's SDKs or does I/O."""
