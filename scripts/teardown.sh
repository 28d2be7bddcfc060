#!/usr/bin/env bash
# Deletes an environment of Touchdown with all its data, after it has listed the resources and asked.
set -euo pipefail

usage() {
  cat <<'END'
scripts/teardown.sh [--name NAME] [--resource-group GROUP]

  --name             name of the environment (default: touchdown)
  --resource-group   default: rg-NAME
END
}

step() { printf '\n== %s\n' "$1" >&2; }

fail() {
  printf 'teardown: %s\n' "$1" >&2
  exit 1
}

name=touchdown group=''
while (($# > 0)); do
  case $1 in
    --name | --resource-group)
      (($# > 1)) || fail "$1 needs a value."
      if [[ $1 == --name ]]; then name=$2; else group=$2; fi
      shift 2
      ;;
    -h | --help)
      usage
      exit
      ;;
    *)
      usage >&2
      fail "unknown option $1."
      ;;
  esac
done
group=${group:-rg-$name}

subscription=$(az account show --query id --output tsv) ||
  fail 'az is not signed in: run az login, and az account set --subscription ID to choose a subscription.'
if [[ $(az group exists --subscription "$subscription" --name "$group" --output tsv) != true ]]; then
  fail "there is no resource group $group in subscription $subscription: nothing to delete."
fi
[[ $(az group show --subscription "$subscription" --name "$group" --query 'tags."azd-env-name"' --output tsv) == "$name" ]] ||
  fail "resource group $group is not of environment $name: name both with --name and --resource-group."

one() {
  az resource list --subscription "$subscription" --resource-group "$group" --resource-type "$1" --query '[].id' \
    --output tsv | head -n 1
}
workspace=$(one Microsoft.MachineLearningServices/workspaces)
vault=$(one Microsoft.KeyVault/vaults)
group_id=/subscriptions/$subscription/resourceGroups/$group
roles=$(az role definition list --subscription "$subscription" --custom-role-only true --scope "$group_id" \
  --query "[?starts_with(roleName, 'Touchdown ')].name" --output tsv)

step "This deletes resource group $group of subscription $subscription"
az resource list --subscription "$subscription" --resource-group "$group" --query 'sort_by([].{Type:type,Name:name}, &Type)' \
  --output table >&2
cat >&2 <<END

This also deletes for good all datasets, models, runs, endpoints and logs, and the custom roles whose names
begin with "Touchdown".
The workspace and the vault are deleted from soft delete too, so that their names are free again. Running trainings stop.
END
read -r -p "Type the name of the resource group to delete it: " answer
[[ $answer == "$group" ]] || fail 'nothing was deleted.'

if [[ -n $workspace ]]; then
  step 'Delete the workspace permanently'
  az rest --method delete --output none \
    --url "$workspace?api-version=2026-03-01&forceToPurge=true" ||
    fail 'the workspace was not deleted: see above, then run this again.'
  az resource wait --deleted --ids "$workspace" --api-version 2026-03-01 ||
    fail 'the workspace is still being deleted: run this again in a few minutes.'
fi

if [[ -n $roles ]]; then
  step 'Delete the custom roles'
  # A role that is assigned anywhere cannot be deleted.
  ours=''
  for role in $roles; do ours+="${ours:+ || }ends_with(roleDefinitionId, '/$role')"; done
  assignments=$(az role assignment list --subscription "$subscription" --all --query "[?$ours].id" --output tsv \
    --fill-role-definition-name false --fill-principal-name false) ||
    fail 'the assignments of the custom roles could not be listed: see above, then run this again.'
  if [[ -n $assignments ]]; then
    # shellcheck disable=SC2086 # one id a word
    az role assignment delete --subscription "$subscription" --ids $assignments ||
      fail 'an assignment of a custom role was not deleted: see above, then run this again.'
  fi
  for role in $roles; do
    az role definition delete --subscription "$subscription" --name "$role" --scope "$group_id" --custom-role-only true ||
      fail "the custom role $role was not deleted: see above, then run this again."
  done
fi

step 'Delete the resource group'
az group delete --subscription "$subscription" --name "$group" --yes ||
  fail 'the resource group was not deleted: see above, then run this again.'

if [[ -n $vault ]]; then
  step 'Purge the vault'
  az keyvault purge --subscription "$subscription" --name "${vault##*/}" ||
    fail "the vault stays in soft delete for 7 days. To free its name: az keyvault purge --name ${vault##*/}"
fi
step 'Done'
