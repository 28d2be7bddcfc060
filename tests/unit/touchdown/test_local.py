"""The specification that Touchdown gives to a localcloud."""

from pathlib import Path

from localcloud.functions.site import Site, site_file
from localcloud.home import Home, Ports

from tests.checkout import CHECKOUT
from touchdown import local
from touchdown.local.target import api_scope


def test_the_app_is_called_with_a_token_where_its_site_signs_callers_in(tmp_path: Path) -> None:
    home = Home.open(tmp_path, Ports())
    assert api_scope(home) == ""
    Site("func", tmp_path, {}).write(site_file(home))
    assert api_scope(home) == ""
    rules = {"audiences": ["c1", "api://c1"], "excluded": [], "public_key": ""}
    Site("func", tmp_path, {}, authentication=rules).write(site_file(home))
    assert api_scope(home) == "c1/.default"


def test_the_environment_of_the_nodes_is_made_where_none_is_ready(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "bicep").mkdir(parents=True)
    (checkout / "bicep" / "definitions").symlink_to(CHECKOUT / "bicep" / "definitions")
    (checkout / "scripts").symlink_to(CHECKOUT / "scripts")
    assert local.spec(checkout).node_environment is None
    assert local.spec(checkout).node_requirements == checkout / "trainer" / "requirements.txt"
    packages = checkout / ".venv-trainer" / "lib" / "python3.11" / "site-packages" / "mlflow"
    packages.mkdir(parents=True)
    (packages / "__init__.py").touch()
    assert local.spec(checkout).node_environment == checkout / ".venv-trainer"
    assert local.spec(checkout, ready_environment=False).node_environment is None
