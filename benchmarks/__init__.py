"""How fast and how small Touchdown is on one machine. `python -m benchmarks` measures and prints one table.

Nothing here is asserted, in tests or elsewhere: a busy machine is no defect. What is measured is what a
person gets: the stack as `touchdown up` starts it, with the settings it has then.
"""
