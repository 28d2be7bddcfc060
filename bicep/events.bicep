// The event subscriptions of the Function App. Event Grid accepts them only once the functions exist, so this is
// deployed after the code, with main.bicep's location, environmentName and resourceGroupName.

targetScope = 'subscription'

import { namesOf } from 'names.bicep'

@description('Required. Region, as given to main.bicep.')
@minLength(1)
param location string

@description('Optional. Name of the environment, as given to main.bicep.')
@minLength(1)
@maxLength(40)
param environmentName string = 'touchdown'

@description('Optional. Resource group, as given to main.bicep.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-${environmentName}'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' existing = {
  name: toLower(resourceGroupName)
}

module subscriptions 'modules/subscriptions.bicep' = {
  scope: group
  params: { names: namesOf(subscription().id, environmentName, location) }
}
