"""The orchestration of a run. It is deterministic and does no I/O."""
