#!/bin/sh
# Prepares a deployment of bicep/main.bicep: checks the tools, and changes the authentication modes of a Batch account
# that exists already. A deployment cannot change them: it sends PUT, and "existing accounts cannot be updated with this
# API" (REST reference of Batch Management, Batch Account - Create). azd runs this before it provisions, scripts/deploy.sh
# before it deploys. preprovision.ps1 takes the same steps on Windows. It is safe to run again.
set -eu
cd "$(dirname "$0")/../.."

step() { printf '\n== %s\n' "$1" >&2; }

fail() {
  printf 'preprovision: %s\n' "$1" >&2
  exit 1
}

step 'Check the settings and the tools'
authentication=${BATCH_AUTHENTICATION:-ManagedIdentity} SIGN_IN_CLIENT_ID=${SIGN_IN_CLIENT_ID:-}
case $authentication in
  ManagedIdentity) modes='AAD' ;;
  KeyVault) modes='AAD SharedKey' ;;
  *) fail "BATCH_AUTHENTICATION is $authentication: set it to ManagedIdentity or KeyVault." ;;
esac
case ${SIGN_IN:-Key} in
  Key) ;;
  Entra)
    [ "${#SIGN_IN_CLIENT_ID}" -eq 36 ] ||
      fail 'SIGN_IN (signIn) is Entra: set SIGN_IN_CLIENT_ID (signInClientId) as docs/deploy.md, Sign-in, says.'
    ;;
  *) fail "SIGN_IN (signIn) is $SIGN_IN: set it to Key or Entra." ;;
esac
command -v az >/dev/null || fail 'az is missing: install the Azure CLI, then run this again.'
# `azd provision` asks for the subscription of a new environment after this hook.
if [ -z "${AZURE_SUBSCRIPTION_ID:-}" ] || [ -z "${AZURE_ENV_NAME:-}" ]; then
  exit 0
fi
az account show --subscription "$AZURE_SUBSCRIPTION_ID" --output none ||
  fail "az is not signed in to subscription $AZURE_SUBSCRIPTION_ID: run az login, then run this again."

step 'Look for a Batch account of this environment'
group=${AZURE_RESOURCE_GROUP:-rg-$AZURE_ENV_NAME}
exists=$(az group exists --subscription "$AZURE_SUBSCRIPTION_ID" --name "$group" --output tsv) ||
  fail "resource group $group could not be looked up: see above, then run this again."
if [ "$exists" != true ]; then
  exit 0
fi
accounts=$(az resource list --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$group" \
  --resource-type Microsoft.Batch/batchAccounts --query '[].id' --output tsv) ||
  fail "the Batch accounts of resource group $group could not be listed: see above, then run this again."

for account in $accounts; do
  step "Check the authentication modes of $account"
  present=$(az rest --method get --url "${account}?api-version=2025-06-01" \
    --query "join(' ', sort(properties.allowedAuthenticationModes))" --output tsv) ||
    fail 'the Batch account could not be read: see above, then run this again.'
  if [ "$present" != "$modes" ]; then
    step "Change them from $present to $modes"
    az rest --method patch --url "${account}?api-version=2025-06-01" \
      --body "@scripts/hooks/batch-$authentication.json" --output none ||
      fail 'the Batch account was not changed: see above, then run this again.'
  fi
done
