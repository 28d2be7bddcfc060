"""The steps of a run: one module per Azure service, one function per step.

Each is short, and does no harm when it runs twice: it looks for what an earlier attempt made first.
"""
