#!/bin/bash
# Start task of every Batch node: creates $AZ_BATCH_NODE_SHARED_DIR/trainer, the environment that the pipeline's
# command uses. It runs at every boot and keeps an environment that is already complete.
#
# The working directory holds requirements.txt, uv.txt and python.json from code/pool in the container. Each must have
# the SHA-256 that the pool was deployed with, because others than the publisher may be able to write to the container.
# Nothing is installed that is not pinned: packages have hashes, and so have the builds of Python in python.json. Without
# that file, uv would fetch a list of the newest ones.
set -euo pipefail

python_version=${TRAINER_PYTHON:-3.11}
shared=$AZ_BATCH_NODE_SHARED_DIR
digest=$({ printf '%s\n' "$python_version"; cat requirements.txt uv.txt python.json; } | sha256sum)
environment=$shared/trainer-${digest:0:16}

say() { printf 'start task: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# again COMMAND...: runs it until it succeeds, at most five times, because registries and mirrors sometimes fail.
again() {
  local attempt
  for attempt in 1 2 3 4 5; do
    if "$@"; then
      return
    fi
    say "attempt $attempt failed: $*"
    sleep $((attempt * ${START_TASK_PAUSE:-10}))
  done
  fail "gave up: $*. The node is unusable until this works; its log is stderr.txt in the folder startup."
}

# On Ubuntu, the module venv comes in a separate package; where that is missing, the image's own pip does it.
install_uv() {
  local pinned=(install --quiet --no-deps --require-hashes -r uv.txt)
  rm -rf "$tools"
  if python3 -m venv "$tools"; then
    "$tools/bin/python" -m pip "${pinned[@]}"
  else
    rm -rf "$tools" && python3 -m pip "${pinned[@]}" --target "$tools"
  fi
}

printf '%s  %s\n' "$REQUIREMENTS_SHA256" requirements.txt "$UV_SHA256" uv.txt "$PYTHON_SHA256" python.json |
  sha256sum --check --strict --quiet >&2 ||
  fail "a file is not the one that this pool was deployed with: publish the trainer again, and find out who changed it"

# By itself, every task may write to the shared folder (learn.microsoft.com/azure/batch/files-and-directories), and could put
# another Python in the place of this one, for the tasks that come later.
chmod go-w "$shared"

if [[ ! -x $environment/bin/python || ! -f $environment/.complete ]]; then
  tools=$shared/trainer-tools
  # Use a Python that uv installs: the user of a task may have no access to one of the image.
  export UV_PYTHON_PREFERENCE=${UV_PYTHON_PREFERENCE:-only-managed}
  export UV_PYTHON_INSTALL_DIR=$shared/python UV_CACHE_DIR=$shared/uv-cache UV_LINK_MODE=copy
  export UV_PYTHON_DOWNLOADS_JSON_URL=$PWD/python.json
  say "creating $environment"
  again install_uv
  again "$tools/bin/uv" venv --no-project --clear --python "$python_version" "$environment"
  again "$tools/bin/uv" pip sync --quiet --require-hashes --compile-bytecode \
    --python "$environment/bin/python" requirements.txt
  "$environment/bin/python" -c 'import azure.identity, azure.storage.blob, jinja2, mlflow.sklearn, pyarrow.csv, sklearn' ||
    fail "the environment is complete but cannot be imported: see above"
  touch "$environment/.complete"
  rm -rf "$tools" "$UV_CACHE_DIR"
fi

# A task runs as another user. The link is switched at the end, so that tasks only see complete environments.
chmod -R a+rX,go-w "$environment"
if [[ -d $shared/python ]]; then
  chmod -R a+rX,go-w "$shared/python"
fi
ln -sfn "$environment" "$shared/trainer.new"
mv -T "$shared/trainer.new" "$shared/trainer"
for old in "$shared"/trainer-*; do
  if [[ $old != "$environment" ]]; then
    rm -rf "$old"
  fi
done
say "ready: $("$shared/trainer/bin/python" --version)"
