#!/usr/bin/env bash
# Deploys all of Touchdown with az and Core Tools: infrastructure, code, trainer and pipeline, and event
# subscriptions. It stops at the first failure and is safe to run again. With azd, use `azd up` instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'END'
scripts/deploy.sh --location REGION [--name NAME] [--resource-group GROUP] [--no-build] [-- PARAMETER=VALUE...]

  --location         region of all resources
  --name             name of the environment (default: touchdown)
  --resource-group   created if it does not exist (default: rg-NAME)
  --no-build         publish the packages in .python_packages, instead of letting Azure install them
  after --           other parameters of bicep/main.bicep, such as batchSpot=true
END
}

step() { printf '\n== %s\n' "$1" >&2; }

fail() {
  printf 'deploy: %s\n' "$1" >&2
  exit 1
}

location='' name=touchdown group='' build=(--build remote)
while (($# > 0)); do
  case $1 in
    --location | --name | --resource-group)
      (($# > 1)) || fail "$1 needs a value."
      case $1 in
        --location) location=$2 ;;
        --name) name=$2 ;;
        --resource-group) group=$2 ;;
      esac
      shift 2
      ;;
    --no-build)
      build=(--no-build)
      shift
      ;;
    --)
      shift
      break
      ;;
    -h | --help)
      usage
      exit
      ;;
    *)
      usage >&2
      fail "unknown option $1. Give other parameters of bicep/main.bicep after --."
      ;;
  esac
done
[[ -n $location ]] || { usage >&2 && fail '--location is missing.'; }
# "West Europe" is the display name of westeurope.
location=$(tr '[:upper:]' '[:lower:]' <<<"${location// /}")
group=${group:-rg-$name}
authentication=ManagedIdentity SIGN_IN=Key SIGN_IN_CLIENT_ID=''
for parameter in "$@"; do
  case $parameter in
    location=* | environmentName=* | resourceGroupName=*) fail "give ${parameter%%=*} as an option, before --." ;;
    batchAuthentication=*) authentication=${parameter#*=} ;;
    signIn=*) SIGN_IN=${parameter#*=} ;;
    signInClientId=*) SIGN_IN_CLIENT_ID=${parameter#*=} ;;
    [a-zA-Z]*=*) ;;
    *) fail "$parameter is not of the form PARAMETER=VALUE." ;;
  esac
done

if [[ ${build[0]} == --no-build && ! -d .python_packages ]]; then
  fail '.python_packages is missing: docs/deploy.md, "Publishing without a remote build", says how to make it.'
fi

step 'Check the tools'
for tool in az func python3; do
  command -v "$tool" >/dev/null || fail "$tool is missing: docs/deploy.md lists the tools to install."
done
AZURE_SUBSCRIPTION_ID=$(az account show --query id --output tsv) ||
  fail 'az is not signed in: run az login, and az account set --subscription ID to choose a subscription.'
export AZURE_SUBSCRIPTION_ID AZURE_LOCATION=$location AZURE_ENV_NAME=$name
export AZURE_RESOURCE_GROUP=$group BATCH_AUTHENTICATION=$authentication SIGN_IN SIGN_IN_CLIENT_ID
unset AZD_HOOK

scripts/hooks/preprovision.sh

step "Deploy bicep/main.bicep to subscription $AZURE_SUBSCRIPTION_ID, resource group $group"
outputs=$(az deployment sub create --subscription "$AZURE_SUBSCRIPTION_ID" --location "$location" --name "$name" \
  --template-file bicep/main.bicep --query properties.outputs --output json \
  --parameters "location=$location" "environmentName=$name" "resourceGroupName=$group" "$@") ||
  fail 'the deployment failed: see above. Correct the cause, then run this again. docs/deploy.md lists common causes.'

# Resource Manager changes the case of output names in its responses.
while IFS='=' read -r key value; do
  export "$key=$value"
done < <(python3 -c '
import json, sys
for name, output in json.load(sys.stdin).items():
    print(name.upper(), output["value"], sep="=")
' <<<"$outputs")
[[ -n ${FUNCTION_APP:-} ]] || fail 'the deployment returned no outputs: run this again.'

step "Publish the code to $FUNCTION_APP"
attempts=0
until func azure functionapp publish "$FUNCTION_APP" --python "${build[@]}"; do
  ((++attempts < 3)) || fail "the code was not published: see above, then run this again."
  printf 'failed; trying again in a minute, because new role assignments take minutes to take effect\n' >&2
  sleep 60
done

scripts/hooks/postdeploy.sh
