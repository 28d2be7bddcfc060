"""What a localcloud is told beside the deployment: where the app and the environment of the nodes are."""

from pathlib import Path

from localcloud.spec import CloudSpec

from touchdown.local.trainer_environment import environment_mark, published_files

TRAINER_ENVIRONMENT = ".venv-trainer"


def spec(checkout: Path, *, ready_environment: bool = True) -> CloudSpec:
    """Touchdown's app in `checkout`, for a localcloud to which it is deployed (deploying.py).

    Batch nodes use the checkout's .venv-trainer if `make setup` made it and `ready_environment` is true;
    otherwise the cloud makes an environment from trainer/requirements.txt.
    """
    environment = checkout / TRAINER_ENVIRONMENT
    made = any(environment.glob("lib/python3.*/site-packages/mlflow/__init__.py"))
    return CloudSpec(
        app=checkout,
        node_environment=environment if made and ready_environment else None,
        node_requirements=checkout / "trainer" / "requirements.txt",
        node_environment_mark=environment_mark(published_files(checkout)),
    )
