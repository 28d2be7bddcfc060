#!/usr/bin/env bash
# Installs everything that Touchdown needs on one machine into this folder, and updates only parts that have changed:
#
#   scripts/setup.sh [app] [trainer] [storage] [browser] [checkov] [az] [quality]       without arguments: the first three
#
#   app      .venv           Python 3.13, requirements-dev.txt: the app, touchdown, localcloud, the tests
#   trainer  .venv-trainer   Python 3.11, trainer/requirements.txt: the environment of a Batch node
#   storage  node_modules    Azurite, and the language service for queries, package-lock.json
#   browser                  the system's Chromium, for the tests that open a report
#   checkov  .venv-checkov   Python 3.13, requirements-checkov.txt: the checks of the resources that Bicep deploys
#   az       .venv-az        Python 3.13, requirements-az.txt: Azure's command line, which deploys to localcloud in a test
#   quality  .venv-quality   Python 3.11, requirements-quality.txt: what `make bench ARGS="quality"` compares with
#
# It needs any Python 3 with pip, and Node 20. pip installs uv into .tools/; uv finds or downloads the two Pythons
# and installs the locked requirements, by hash. A stamp in each result records the files that it was made from.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "setup: $*"
  exit 1
}

# checksum FILE...: checksum of the files' contents and of this script, which decides how they are used.
checksum() { cat scripts/setup.sh "$@" | cksum; }

# fresh STAMP FILE...: succeeds if the stamp records the current contents of the files.
fresh() {
  local stamp=$1
  shift
  [[ -f $stamp && $(<"$stamp") == "$(checksum "$@")" ]]
}

# The shim of a version manager may exist without a Python behind it, so each candidate is run.
runs() { "$1" -c "import sys; $2" >/dev/null 2>&1; }

pyenv=${PYENV_ROOT:-${HOME:-/root}/.pyenv}/versions

any_python() {
  local candidate
  for candidate in python3 {/usr,/usr/local,/opt/homebrew}/bin/python3 python "$pyenv"/3.*/bin/python3; do
    if runs "$candidate" "import pip; assert sys.version_info >= (3, 8)"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  fail "no Python 3 with pip was found: install one, such as your system's python3 and python3-pip."
}

is_version() { runs "$1" "assert '%d.%d' % sys.version_info[:2] == '$2'"; }

# found_python VERSION: prints the path of a Python on this machine, or the version, which uv then finds or downloads.
found_python() {
  local candidate
  for candidate in {,/usr/bin/,/usr/local/bin/,/opt/homebrew/bin/}"python$1" "$pyenv/$1".*/bin/python; do
    if is_version "$candidate" "$1"; then
      command -v "$candidate"
      return
    fi
  done
  printf '%s\n' "$1"
}

uv() { .tools/uv/bin/uv "$@"; }

get_uv() {
  local stamp=.tools/uv/.stamp pin=.tools/uv.txt python
  mkdir -p .tools
  printf '*\n' >.tools/.gitignore
  awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements-dev.txt >"$pin"
  if fresh "$stamp" "$pin" && uv --version >/dev/null 2>&1; then
    return
  fi
  python=$(any_python)
  say "setup: installing uv into .tools with the pip of $python"
  rm -rf .tools/uv
  # --target needs no venv module, which some systems lack, and changes no installation.
  PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --target .tools/uv -r "$pin"
  checksum "$pin" >"$stamp"
}

# environment FOLDER PYTHON REQUIREMENTS: creates or updates a virtual environment.
environment() {
  local folder=$1 version=$2 requirements=$3
  if fresh "$folder/.stamp" "$requirements" && is_version "$folder/bin/python" "$version"; then
    return
  fi
  get_uv
  say "setup: installing $requirements into $folder, with Python $version"
  rm -f "$folder/.stamp"
  if ! is_version "$folder/bin/python" "$version"; then
    uv venv --quiet --no-project --clear --python "$(found_python "$version")" "$folder" ||
      fail "there is no Python $version and uv could not download one: install it, then try again."
  fi
  uv pip sync --quiet --require-hashes --python "$folder/bin/python" "$requirements"
  checksum "$requirements" >"$folder/.stamp"
}

# packages FOLDER: installs the project's own two packages, editable; the lock has their dependencies.
packages() {
  local stamp=$1/.packages
  if fresh "$stamp" "$1/.stamp" pyproject.toml packages/localcloud/pyproject.toml; then
    return
  fi
  get_uv
  uv pip install --quiet --no-deps --no-index --python "$1/bin/python" --editable . --editable packages/localcloud
  checksum "$1/.stamp" pyproject.toml packages/localcloud/pyproject.toml >"$stamp"
}

# imported FOLDER WHERE MODULES: has Python compile what a first use would import. To compile whole environments takes
# twice as long: azure-ai-ml and MLflow have thousands of modules of which a tenth is ever imported.
imported() {
  local folder=$PWD/$1 stamp=$1/.imported
  if fresh "$stamp" "$1/.stamp"; then
    return
  fi
  (cd "$2" && PYTHONDONTWRITEBYTECODE='' "$folder/bin/python" -c "import $3")
  checksum "$1/.stamp" >"$stamp"
}

# Azurite requires a package for its telemetry, which would bring 220 others, two thirds of all files: package.json
# names an empty one (packages/no-telemetry) in its place. Half of what remains are files that only developers of the
# packages read (source maps, type declarations, the language service before it was minified); they are deleted.
storage() {
  local stamp=node_modules/.stamp version
  version=$(node --version 2>/dev/null) || fail "Node is missing: install Node 20 or newer."
  version=${version#v}
  ((${version%%.*} >= 20)) || fail "Node $version is too old: install Node 20 or newer."
  if fresh "$stamp" package.json package-lock.json; then
    return
  fi
  say "setup: installing Azurite and the language service into node_modules"
  npm ci --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
  find node_modules/@kusto -type f -name '*.js' \( ! -name '*.min.js' -o -name '*.meta.min.js' \) -delete
  checksum package.json package-lock.json >"$stamp"
}

# A browser is the only part outside this folder, because it is installed with the system.
browser() {
  local candidate
  for candidate in ${TOUCHDOWN_BROWSER:+"$TOUCHDOWN_BROWSER"} chromium chromium-browser google-chrome \
    google-chrome-stable /Applications/{Chromium,"Google Chrome"}.app/Contents/MacOS/{Chromium,"Google Chrome"}; do
    # Run it: on some systems, the command only says how to install the browser.
    if "$candidate" --version >/dev/null 2>&1; then
      return
    fi
  done
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "no Chromium was found, and some tests open a page in one: install chromium or Google Chrome."
  fi
  say "setup: installing chromium with apt-get"
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core; } >&2; then
    fail "apt-get could not install chromium: install it or Google Chrome, then try again."
  fi
  chromium --version >/dev/null 2>&1 ||
    fail "the chromium that apt-get installed does not start: install Google Chrome, then try again."
}

part() {
  case $1 in
    app)
      environment .venv 3.13 requirements-dev.txt
      packages .venv
      imported .venv . 'azure.ai.ml, function_app, localcloud.cloud, localcloud.functions, touchdown.__main__'
      ;;
    trainer)
      environment .venv-trainer 3.11 trainer/requirements.txt
      imported .venv-trainer trainer 'experiment, main, matplotlib.figure, mlflow.pyfunc, mlflow.sklearn, report, saving'
      ;;
    storage) storage ;;
    browser) browser ;;
    checkov) environment .venv-checkov 3.13 requirements-checkov.txt ;;
    az) environment .venv-az 3.13 requirements-az.txt ;;
    quality) environment .venv-quality 3.11 requirements-quality.txt ;;
    *) fail "there is no part $1: choose app, trainer, storage, browser, checkov, az or quality." ;;
  esac
}

if (($# == 0)); then
  part storage &
  part app
  part trainer
  wait $!
else
  for name in "$@"; do
    part "$name"
  done
fi
