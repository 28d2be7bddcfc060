"""What is deployed to a home is asked of its cloud, and the trainer is known by all its files."""

from dataclasses import replace
from pathlib import Path

import pytest
from localcloud.home import Home, Ports

from tests.checkout import CHECKOUT
from touchdown.errors import StackNotRunningError
from touchdown.local import deploying
from touchdown.local.trainer import Trainer


def test_a_home_whose_cloud_does_not_run_says_so(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", Ports.free())
    with pytest.raises(StackNotRunningError, match="nothing listens"):
        deploying.outputs(home)


def test_another_pin_for_the_pool_is_another_trainer_with_the_same_code() -> None:
    trainer = Trainer.of(CHECKOUT)
    other = replace(trainer, files={**trainer.files, "code/pool/0/uv.txt": b"uv==0"})
    assert (other.hash, other.digest == trainer.digest) == (trainer.hash, False)
    assert Trainer.of(CHECKOUT).digest == trainer.digest
