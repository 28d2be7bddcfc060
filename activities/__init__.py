"""The steps of a run: one module for each step of its story.

Each step is short and does no harm when it runs twice: before it makes something, it looks for what an
earlier attempt has made. A step never waits for what takes minutes. It answers `done=False`, and the
orchestrator calls it again until it answers `done=True`; a poll and a retry after a crash are the same call.
"""
