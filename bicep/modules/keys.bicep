// The fallback for authentication, and the only file that reads keys: it copies them from the accounts into the vault, and
// Data Factory reads them there. Deployed only with batchAuthentication=KeyVault; docs/deploy.md says when to use it.

import { Names, roleDefinitionType, roles } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Principal id of the identity of Data Factory.')
param trainingPrincipalId string

@description('Required. Names of the two secrets in the vault, to which factory.bicep refers.')
param entries VaultEntries

@export()
@sealed()
@description('Names of the secrets in the vault that hold the keys of the data account and of the Batch account.')
type VaultEntries = {
  storage: string
  batch: string
}

resource data 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.dataStorage
}

resource batch 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: names.batch
}

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: names.vault
}

resource storageKey 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: entries.storage
  properties: {
    contentType: 'key of the data account, for Data Factory'
    value: data.listKeys().keys[0].value
  }
}

resource batchKey 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: entries.batch
  properties: {
    contentType: 'key of the Batch account, for Data Factory'
    value: batch.listKeys().primary
  }
}

// Data Factory reads the key of the data account for its linked service.
resource trainingReadsStorageKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storageKey.id, trainingPrincipalId, roles.keyVaultSecretsUser)
  scope: storageKey
  properties: {
    description: 'trainingReadsStorageKey (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.keyVaultSecretsUser)
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Data Factory reads the key of the Batch account for its linked service.
resource trainingReadsBatchKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(batchKey.id, trainingPrincipalId, roles.keyVaultSecretsUser)
  scope: batchKey
  properties: {
    description: 'trainingReadsBatchKey (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.keyVaultSecretsUser)
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
  }
}
