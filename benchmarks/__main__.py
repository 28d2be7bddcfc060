"""Measure the stack, or the trainer or the storage alone, how good the models are, or what the gate deploys:

python -m benchmarks [--runs 5] [--uploads 20]
python -m benchmarks trainer [--rows 1000000]
python -m benchmarks storage [--requests 2000]
python -m benchmarks quality [--seeds 3]
python -m benchmarks gate [--noise] [--public]
"""

import argparse
import sys

from rich.status import Status

from benchmarks import (
    gate,
    imports,
    machine,
    many_runs,
    one_run,
    quality,
    report,
    running_stack,
    storage,
    trainer,
)

WARM_UP = 2
"""Runs that are not measured, because the app imports each SDK when it first needs it."""


PARTS = {"trainer": trainer.main, "storage": storage.main, "quality": quality.main, "gate": gate.main}
"""What is measured by itself, by the first argument."""


def main() -> int:
    if measure := PARTS.get(sys.argv[1] if len(sys.argv) > 1 else ""):
        return measure(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the speed and the memory of the stack.",
        epilog="To measure something else: python -m benchmarks trainer|storage|quality|gate --help",
    )
    parser.add_argument(
        "--runs", type=int, default=5, help="number of single runs; the tables show their medians"
    )
    parser.add_argument(
        "--uploads", type=int, default=20, help="number of datasets that are uploaded at once"
    )
    options = parser.parse_args()
    results = report.Results()
    try:
        with report.console.status("Importing the app …") as status:
            machine.calm()
            results.imports = imports.measured()
            measure_stack(results, options.runs, options.uploads, status)
    except (running_stack.NotStartedError, one_run.RunFailedError) as error:
        report.console.print(f"error: {error}", style="red", markup=False)
        return 1
    report.console.print(report.table(results))
    return 0


def measure_stack(results: report.Results, runs: int, uploads: int, status: Status) -> None:
    status.update("Starting the stack …")
    with running_stack.started() as stack:
        machine.calm()
        results.memory["just started"] = machine.memory(stack.processes)
        for number in range(WARM_UP + runs):
            status.update(f"Single run {number + 1} of {WARM_UP + runs} …")
            busy = machine.calm()
            run = one_run.measured(stack, number)
            results.first = results.first or run
            if number >= WARM_UP:
                results.busy.append(busy)
                results.runs.append(run)
        machine.calm()
        results.memory[f"after {WARM_UP + runs} runs"] = machine.memory(stack.processes)
        if uploads:
            status.update(f"{uploads} uploads at once …")
            results.together = many_runs.measured(stack, uploads)
            machine.calm()
            results.memory[f"after {WARM_UP + runs + uploads} runs"] = machine.memory(stack.processes)
        status.update("Stopping the stack …")


if __name__ == "__main__":
    sys.exit(main())
