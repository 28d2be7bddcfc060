"""Measures how fast Touchdown is on one machine, and its memory: `python -m benchmarks` prints tables.

No test asserts a result, because a busy machine is not a defect. The benchmarks measure what a user gets: the
stack as `touchdown up` starts it, with its default settings.
"""
