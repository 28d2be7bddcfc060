"""The command line: `touchdown COMMAND`, or `python -m touchdown COMMAND`.

One module per group of commands, each a thin layer over touchdown.client or touchdown.local. What takes long
to import is imported inside the commands, so that `--help` and a mistyped option answer at once. localcloud
is imported only by what needs a cloud on this machine.

Every command takes `--json`: standard output then holds one JSON value and nothing else, even for an error
(`{"error": {"code", "message", "hint"?}}`); progress goes to standard error. touchdown.cli.outcome lists the
exit codes.
"""
