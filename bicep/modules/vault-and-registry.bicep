// Two resources that an Azure ML workspace requires: a vault for its secrets, and a registry for the images it builds.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

// Purge protection is off, so that teardown can free the name; soft delete stays on.
resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: names.vault
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    publicNetworkAccess: 'Enabled'
  }
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: names.registry
  location: location
  tags: tags
  sku: { name: 'Basic' }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

@description('Resource id of the vault.')
output vaultId string = vault.id

@description('URL of the vault.')
output vaultUrl string = vault.properties.vaultUri

@description('Resource id of the registry.')
output registryId string = registry.id
