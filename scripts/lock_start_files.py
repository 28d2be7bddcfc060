"""Write bicep/definitions/start-files.json: the hashes by which a node knows what it installs.

    python -m scripts.lock_start_files

`make lock` runs this after it has locked the requirements. The pool has to be deployed again afterwards.
"""

from scripts import publish_trainer


def main() -> None:
    hashes = publish_trainer.hashes_of_start_files(publish_trainer.trainer_files())
    publish_trainer.START_FILES.write_text(hashes, encoding="utf-8")


if __name__ == "__main__":
    main()
