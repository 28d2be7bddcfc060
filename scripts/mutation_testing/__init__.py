"""Mutation testing of the product: change one thing in the source, and see whether a test fails.

`make mutants` runs it. mutmut 3 skips every decorated function and class, which are most of this product, and
cosmic-ray runs the same command for every mutant, so the tool is our own.
"""
