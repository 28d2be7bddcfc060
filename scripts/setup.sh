#!/usr/bin/env bash
# Makes everything that Touchdown needs on one machine, inside this folder, and only what has changed:
#
#   scripts/setup.sh [app] [trainer] [storage] [browser]       without a name: the first three
#
#   app      .venv           Python 3.13, requirements-dev.txt: the app, touchdown, localcloud, the tests
#   trainer  .venv-trainer   Python 3.11, trainer/requirements.txt: what a Batch node runs
#   storage  node_modules    Azurite, package-lock.json
#   browser                  a Chromium of the system's, for the tests that open a report
#
# It begins with any Python 3 that has pip, and Node 20. pip puts uv into .tools/, uv finds or fetches the
# two Pythons and installs what is locked, by hash. A stamp beside each result says what it was made from.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "setup: $*"
  exit 1
}

# checksum FILE...: of their contents, and of this script, which decides what is done with them.
checksum() { cat scripts/setup.sh "$@" | cksum; }

# fresh STAMP FILE...: whether the stamp was left by the same files.
fresh() {
  local stamp=$1
  shift
  [[ -f $stamp && $(<"$stamp") == "$(checksum "$@")" ]]
}

# A version manager's shim exists without being a Python, so whatever is found is tried.
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
  fail "no Python 3 with pip was found: install one, for example your system's python3 and python3-pip."
}

is_version() { runs "$1" "assert '%d.%d' % sys.version_info[:2] == '$2'"; }

# found_python VERSION: one of this machine, or the version itself, for uv to find or to fetch.
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
  say "setup: uv into .tools, by pip of $python"
  rm -rf .tools/uv
  # A folder of its own needs no venv module, which some systems leave out, and touches no installation.
  PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --target .tools/uv -r "$pin"
  checksum "$pin" >"$stamp"
}

# environment FOLDER PYTHON REQUIREMENTS
environment() {
  local folder=$1 version=$2 requirements=$3
  if fresh "$folder/.stamp" "$requirements" && is_version "$folder/bin/python" "$version"; then
    return
  fi
  get_uv
  say "setup: $folder, Python $version, $requirements"
  rm -f "$folder/.stamp"
  if ! is_version "$folder/bin/python" "$version"; then
    uv venv --quiet --no-project --clear --python "$(found_python "$version")" "$folder" ||
      fail "there is no Python $version and uv could not fetch one: install it, then try again."
  fi
  # Compiled now, not at the first import: azure-ai-ml and MLflow are thousands of modules.
  uv pip sync --quiet --require-hashes --compile-bytecode --python "$folder/bin/python" "$requirements"
  checksum "$requirements" >"$folder/.stamp"
}

# packages FOLDER: the project's own two, to be imported from where they are; the lock holds what they need.
packages() {
  local stamp=$1/.packages
  if fresh "$stamp" "$1/.stamp" pyproject.toml packages/localcloud/pyproject.toml; then
    return
  fi
  get_uv
  uv pip install --quiet --no-deps --no-index --python "$1/bin/python" --editable . --editable packages/localcloud
  checksum "$1/.stamp" pyproject.toml packages/localcloud/pyproject.toml >"$stamp"
}

# What only developers of the packages read (source maps, type declarations) is half of the folder. Most of
# the other half is OpenTelemetry, which Azurite depends on for its telemetry; localcloud turns that off.
storage() {
  local stamp=node_modules/.stamp version
  version=$(node --version 2>/dev/null) || fail "Node is missing: install Node 20 or newer."
  version=${version#v}
  ((${version%%.*} >= 20)) || fail "Node $version is too old: install Node 20 or newer."
  if fresh "$stamp" package.json package-lock.json; then
    return
  fi
  say "setup: node_modules, Azurite"
  npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
  checksum package.json package-lock.json >"$stamp"
}

# Outside this folder, as nothing else here: a browser comes with the system or not at all.
browser() {
  local candidate
  for candidate in ${TOUCHDOWN_BROWSER:+"$TOUCHDOWN_BROWSER"} chromium chromium-browser google-chrome \
    google-chrome-stable /Applications/{Chromium,"Google Chrome"}.app/Contents/MacOS/{Chromium,"Google Chrome"}; do
    # Tried, because some systems have a command that only says how to get one.
    if "$candidate" --version >/dev/null 2>&1; then
      return
    fi
  done
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "no Chromium was found, and tests open a page in one: install chromium or Google Chrome."
  fi
  say "setup: chromium, by apt-get"
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
      ;;
    trainer) environment .venv-trainer 3.11 trainer/requirements.txt ;;
    storage) storage ;;
    browser) browser ;;
    *) fail "$1: there are app, trainer, storage and browser." ;;
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
