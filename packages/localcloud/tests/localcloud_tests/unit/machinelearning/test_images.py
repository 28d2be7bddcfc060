"""Whether the environment of the nodes stands for the image of a model's conda file."""

import platform
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from localcloud.machinelearning.images import ImageBuildError, build, installed

PYTHON = Path(sys.executable)


def conda(*pip: str, python: str = ".".join(platform.python_version_tuple()[:2])) -> str:
    return "\n".join([f"dependencies:\n- python={python}\n- pip:", *(f"  - {each}" for each in pip)])


def test_what_is_installed_is_what_the_interpreter_says() -> None:
    found = installed(PYTHON)
    assert found.python == platform.python_version()
    assert found.distributions["azure-storage-blob"] == version("azure-storage-blob")


def test_an_image_of_what_the_nodes_have_is_built() -> None:
    build(conda(f"PyYAML=={version('PyYAML')}", "packaging"), PYTHON)


def test_a_pin_that_the_nodes_do_not_have_fails_the_build_naming_both_versions() -> None:
    with pytest.raises(ImageBuildError) as caught:
        build(conda("PyYAML==0.1", "absent"), PYTHON)
    said = str(caught.value)
    assert said.startswith("Image build failed. Build log: ")
    assert f"PyYAML==0.1 (it has {version('PyYAML')}), absent (it has none)" in said


def test_a_file_that_defines_no_environment_fails_the_build() -> None:
    with pytest.raises(ImageBuildError, match="defines no environment: it lists no dependencies"):
        build("name: none", PYTHON)


def test_what_is_installed_later_is_seen(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f"#!/bin/sh\nexec cat {tmp_path}/said\n")
    python.chmod(0o755)
    (tmp_path / "said").write_text('["3.11.2", {}]')
    with pytest.raises(ImageBuildError, match=r"Some_Thing==1 \(it has none\)"):
        build(conda("Some_Thing==1", python="3.11"), python)
    (packages / "some_thing-1.dist-info").mkdir()
    (tmp_path / "said").write_text('["3.11.2", {"some.thing": "1"}]')
    build(conda("Some_Thing==1", python="3.11"), python)


def test_a_python_that_does_not_start_fails_the_build(tmp_path: Path) -> None:
    with pytest.raises(ImageBuildError, match="does not list its packages"):
        build(conda(), tmp_path / "bin" / "python")
