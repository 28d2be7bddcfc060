"""Write the environment of the deployed models from the trainer's lock, and prove that it can be installed.

    python -m scripts.lock_environment UV

trainer/conda.yaml goes into every model; Azure ML builds from it the image in which the model scores. It pins
versions that trainer/requirements.txt locks. trainer/environment.lock is what the uv at the path UV resolved:
the environment by itself, and with the packages that Azure ML adds. `make lock` runs this; it needs the
package index.
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

TRAINER = Path(__file__).resolve().parent.parent / "trainer"
PYTHON = "3.11"
TOOLS = ("pip", "setuptools<82")
"""From 82 on, setuptools has no pkg_resources, which Azure ML's driver of a batch deployment may import."""
PINNED = ("cloudpickle", "mlflow", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
"""What a model imports, and what unpickles it."""
LOCKED_AS = {"mlflow": "mlflow-skinny"}
"""The trainer has the part of MLflow that it needs. Azure ML's driver of a batch deployment also imports what
only the whole package brings, Pillow for example, so the model names that, in the same version."""
ADDED = ("azureml-core>=1.60", "azureml-dataset-runtime[fuse]>=1.60", "azureml-defaults>=1.60")
"""What Azure ML may add to the environment of a batch deployment: the first two are what its driver imports
("Author scoring scripts for batch deployments"), the third is its default (azureml-core's CondaDependencies).
It adds recent versions, so an older one that fits would prove nothing."""
ALONE = "alone"


def locked(lock: str) -> dict[str, str]:
    """The versions that a requirements.txt pins, by package."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))


def pins(lock: str) -> list[str]:
    """The requirements of a model, from the trainer's lock. Raises KeyError for a package that it lacks."""
    versions = locked(lock)
    return [f"{name}=={versions[LOCKED_AS.get(name, name)]}" for name in PINNED]


def conda_yaml(lock: str) -> str:
    """The environment of a model, in the form in which MLflow writes one, from the trainer's lock."""
    packages = "".join(f"- {package}\n" for package in (f"python={PYTHON}", *TOOLS))
    requirements = "".join(f"  - {pin}\n" for pin in pins(lock))
    return f"channels:\n- conda-forge\ndependencies:\n{packages}- pip:\n{requirements}name: touchdown\n"


def trials(lock: str) -> dict[str, list[str]]:
    """The requirements of each resolution, by its name: the environment's, then ever more of ADDED."""
    own = [*TOOLS, *pins(lock)]
    added = {f"with {ADDED[count - 1]}": [*own, *ADDED[:count]] for count in range(1, len(ADDED) + 1)}
    return {ALONE: own, **added}


def inputs(lock: str) -> str:
    """A hash of everything that decides the resolutions but the package index."""
    text = repr((PYTHON, trials(lock), conda_yaml(lock)))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def resolve(uv: str, requirements: list[str]) -> dict[str, str]:
    """The newest versions that fit on an x86-64 Linux. Raises ValueError with uv's words if none do.

    fusepy has never had a wheel; everything else must, because the image has no compiler.
    """
    command = [uv, "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url"]
    command += ["--python-version", PYTHON, "--python-platform", "linux"]
    command += ["--only-binary", ":all:", "--no-binary", "fusepy"]
    answer = subprocess.run(
        command, input="\n".join(requirements), capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise ValueError(answer.stderr.strip())
    return locked(answer.stdout)


def environment_lock(lock: str, resolved: dict[str, dict[str, str]]) -> str:
    """The text of environment.lock, in TOML."""
    lines = ["# `make lock` writes this file: how conda.yaml was resolved.", f'inputs = "{inputs(lock)}"']
    for name, versions in resolved.items():
        lines += ["", f'["{name}"]', *(f'{package} = "{version}"' for package, version in versions.items())]
    return "\n".join(lines) + "\n"


def main(uv: str, trainer: Path = TRAINER) -> int:
    lock = (trainer / "requirements.txt").read_text(encoding="utf-8")
    resolved = {}
    for name, requirements in trials(lock).items():
        try:
            resolved[name] = resolve(uv, requirements)
        except ValueError as error:
            print(
                f"The environment of the models ({name}) cannot be installed, so Azure ML could build no"
                f" image for one:\n{error}\ntrainer/conda.yaml stays as it was. Restrict the versions in"
                " trainer/requirements.in until they fit, then lock again.",
                file=sys.stderr,
            )
            return 1
    (trainer / "conda.yaml").write_text(conda_yaml(lock), encoding="utf-8")
    (trainer / "environment.lock").write_text(environment_lock(lock, resolved), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
