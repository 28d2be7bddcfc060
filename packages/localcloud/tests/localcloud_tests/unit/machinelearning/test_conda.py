"""Conda files: what they ask for, and whether an environment has it."""

import pytest
from localcloud.machinelearning.conda import CondaFileError, Installed, parse
from localcloud.wire import AzureError

HAS = Installed(
    "3.11.2", {"numpy": "2.3.2", "scikit-learn": "1.9.1", "mlflow-skinny": "2.22.5", "jinja2": "3.1.6"}
)


def text(*dependencies: str, pip: tuple[str, ...] = ()) -> str:
    lines = ["channels: [conda-forge]", "dependencies:", *(f"- {each}" for each in dependencies)]
    return "\n".join([*lines, *(["- pip:", *(f"  - {each}" for each in pip)] if pip else [])])


def lacks(*pip: str, python: str = "python=3.11") -> list[str]:
    return parse(text(python, "pip", "setuptools<82", pip=pip)).lacks(HAS)


def test_an_environment_with_the_same_versions_lacks_nothing() -> None:
    assert lacks("numpy==2.3.2", "scikit-learn==1.9.1", "mlflow==2.22.5") == []


@pytest.mark.parametrize(
    "name", ["Scikit_Learn==1.9.1", "scikit.learn >= 1.9", "Jinja2", "jinja2[i18n]~=3.1"]
)
def test_names_are_compared_as_pip_compares_them(name: str) -> None:
    assert lacks(name) == []


def test_each_pin_that_differs_is_named_with_what_is_there() -> None:
    assert lacks("numpy==2.4.6", "scikit-learn<1.9", "absent", "mlflow==2.22.4") == [
        "numpy==2.4.6 (it has 2.3.2)",
        "scikit-learn<1.9 (it has 1.9.1)",
        "absent (it has none)",
        "mlflow==2.22.4 (it has 2.22.5)",
    ]


@pytest.mark.parametrize("python", ["python=3.11", "python=3.11.2", "python 3.11.2", "python>=3.10,<3.12"])
def test_a_python_is_satisfied_by_each_of_its_patches(python: str) -> None:
    assert lacks(python=python) == []


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("python=3.11.18", "python==3.11.18.*"),
        ("python==3.11", "python==3.11"),
        ("python=3.1", "python==3.1.*"),
    ],
)
def test_another_python_is_not(python: str, said: str) -> None:
    assert lacks(python=python) == [f"{said} (it has 3.11.2)"]


def test_packages_of_conda_are_compared_too_without_channel_and_build() -> None:
    asked = text("python=3.11", "conda-forge::numpy=2.3=py311h1_0", "jinja2=3.1", "scikit-learn ==1.9.1 py_0")
    assert parse(asked).lacks(HAS) == ["numpy==2.3 (it has 2.3.2)"]


def test_tools_that_install_may_be_absent_but_not_wrong() -> None:
    newer = Installed("3.11.2", {"setuptools": "82.0"})
    assert parse(text("python=3.11", "pip<=24", "setuptools<82")).lacks(newer) == [
        "setuptools<82 (it has 82.0)"
    ]


def test_requirements_for_other_places_and_options_of_pip_are_left_out() -> None:
    assert lacks(
        "absent==1; sys_platform == 'win32'", "--extra-index-url x", "absent==1; python_version>'3.10'"
    ) == ['absent==1; python_version > "3.10" (it has none)']


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("", "lists no dependencies"),
        ("dependencies: [", "is not YAML"),
        ("- 1", "lists no dependencies"),
        ("dependencies: {python: 3.11}", "lists no dependencies"),
        ("dependencies: []", "lists no dependencies"),
        (text("numpy=2"), "one version of python"),
        (text("python"), "one version of python"),
        (text("python=3.10", "python=3.11"), "one version of python"),
        (text("python=x y z"), "'python=x y z' has no version"),
        (text("python=3.11", "- 1"), "is no conda package"),
        (text("python=3.11", "{conda: [a]}"), "is no conda package"),
        (text("python=3.11", pip=("a==",)), "'a==' is none of pip's"),
        (text("python=3.11", pip=("1",)), "1 is none of pip's"),
        ("!!python/object:os.system {}", "is not YAML"),
    ],
)
def test_what_defines_no_environment_is_refused_saying_why(file: str, why: str) -> None:
    with pytest.raises(CondaFileError, match=why.replace("(", r"\(")):
        parse(file)


def test_alternatives_are_not_imitated() -> None:
    with pytest.raises(AzureError) as caught:
        parse(text("python=3.10|3.11"))
    assert caught.value.status == 501
