"""A machine on which `az`, `azd` and `func` only record their arguments, and answer as Azure would."""

import json
import os
import pty
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts import missing_functions

OUTPUTS = {
    "azurE_RESOURCE_GROUP": "rg-lab",
    "functioN_APP": "func-x",
    "apI_URL": "https://func-x.example/api",
    "datA_FACTORY": "adf-x",
    "workspace": "mlw-x",
    "storagE_URL": "https://stdatax.example",
    "storagE_ACCOUNT": "stdatax",
    "container": "azureml-blobstore-1",
    "traininG_CLIENT_ID": "client",
    "lifecyclE_TOPIC": "https://topic.example",
}
"""Output names as Resource Manager returns them, with the case of the first letters changed."""
LISTED = "\n".join(f"func-x/{name}" for name in missing_functions.FUNCTIONS)
"""What az prints for an app with all functions."""
OUTPUTS_PRINTED = json.dumps({name: {"value": value} for name, value in OUTPUTS.items()})
TOOL = f"""#!/bin/sh
line="${{0##*/}} $*"
printf '%s\\n' "$line" >>"$LOG"
if [ -n "$FAIL" ]; then
  case $line in *"$FAIL"*) echo no >&2; exit 1 ;; esac
fi
type=${{line#*--resource-type }}
case $line in
  *"account show --query id"*) echo subscription-1 ;;
  *"--query properties.outputs"*) echo '{OUTPUTS_PRINTED}' ;;
  *"functionapp function list"*) printf '%s\\n' "${{FUNCTIONS-{LISTED}}}" ;;
  *"group exists"*) echo "${{EXISTS-true}}" ;;
  *"rest --method get"*) printf '%s\\n' "${{MODES-AAD}}" ;;
  *"group show"*) echo lab ;;
  *"resource list"*--resource-type*) echo "/subscriptions/subscription-1/x/${{type%% *}}" ;;
  *"role definition list"*) printf 'role-1\\nrole-2\\n' ;;
  *"role assignment list"*) printf 'assignment-1\\nassignment-2\\n' ;;
esac
"""
"""A program of the shell: a start of Python for each call would take most of the time of these tests."""


@dataclass
class Machine:
    """A machine with these tools on its PATH, and a log of their calls."""

    folder: Path

    def run(
        self, *command: str | Path, fail: str = "", typed: str = "", **more: str
    ) -> "subprocess.CompletedProcess[str]":
        environment = self.environment(FAIL=fail, **more)
        return subprocess.run(
            command, input=typed, env=environment, capture_output=True, text=True, check=False
        )

    def run_on_a_terminal(
        self, *command: str | Path, typed: str, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command whose standard input is a terminal, on which one line was typed."""
        terminal, stdin = pty.openpty()
        os.write(terminal, f"{typed}\n".encode())
        try:
            return subprocess.run(
                command,
                stdin=stdin,
                env=self.environment(**more),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            os.close(terminal)
            os.close(stdin)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("AZ") and name != "CI"
        }
        return kept | {"PATH": f"{self.folder}:{os.environ['PATH']}", "LOG": str(self.log), **more}

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def lines(self) -> list[str]:
        """Each call as it was typed, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def asked(self) -> list[str]:
        """The first words of each call, in order."""
        return [re.split(r" -|(?<=publish) ", line)[0] for line in self.lines()]

    def tool(self, name: str, script: str) -> None:
        """Put a bash script on the PATH."""
        (self.folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (self.folder / name).chmod(0o755)


def prepared(folder: Path) -> Machine:
    """A machine whose tools lie in an empty folder. Pauses take no time on it."""
    for name in ("az", "func", "azd"):
        (folder / name).write_text(TOOL)
        (folder / name).chmod(0o755)
    (folder / "sleep").write_text("#!/bin/sh\n")
    (folder / "sleep").chmod(0o755)
    return Machine(folder)
