"""What starts or steers a run: events from storage, and people over HTTP."""
