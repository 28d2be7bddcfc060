// Data Factory: the factory, its credential and its linked services. The pipeline is in pipeline.bicep.

import { Names, Tags } from '../names.bicep'
import { VaultEntries } from 'keys.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Resource id of the identity that the factory uses for storage and Batch.')
param identityId string

@description('Required. Blob endpoint of the data account, without a trailing slash.')
param storageUrl string

@description('Required. Name of the data account.')
param storageName string

@description('Required. URL of the Batch account\'s data plane.')
param batchUrl string

@description('Required. Name of the Batch account.')
param batchName string

@description('Required. Name of the Batch pool.')
param poolName string

@description('Required. Whether the factory authenticates to storage and Batch with keys from the vault, instead of by its identity.')
param withKeys bool

@description('Required. URL of the vault.')
param vaultUrl string

@description('Required. Names of the secrets in the vault that hold the keys.')
param vaultEntries VaultEntries

@description('Required. Resource id of the Log Analytics workspace.')
param logsId string

var credentialReference = {
  referenceName: 'training'
  type: 'CredentialReference'
}

resource factory 'Microsoft.DataFactory/factories@2018-06-01' = {
  name: names.factory
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: { publicNetworkAccess: 'Enabled' }

  resource credential 'credentials' = {
    name: 'training'
    properties: {
      type: 'ManagedIdentity'
      typeProperties: { resourceId: identityId }
    }
  }
}

resource vault 'Microsoft.DataFactory/factories/linkedservices@2018-06-01' = if (withKeys) {
  parent: factory
  name: 'vault'
  properties: {
    type: 'AzureKeyVault'
    typeProperties: {
      baseUrl: vaultUrl
      credential: credentialReference
    }
  }
  dependsOn: [factory::credential]
}

resource storage 'Microsoft.DataFactory/factories/linkedservices@2018-06-01' = {
  parent: factory
  name: 'storage'
  properties: {
    type: 'AzureBlobStorage'
    typeProperties: withKeys
      ? {
          connectionString: 'DefaultEndpointsProtocol=https;AccountName=${storageName};EndpointSuffix=${environment().suffixes.storage}'
          accountKey: {
            type: 'AzureKeyVaultSecret'
            store: { referenceName: 'vault', type: 'LinkedServiceReference' }
            secretName: vaultEntries.storage
          }
        }
      : {
          serviceEndpoint: '${storageUrl}/'
          accountKind: 'StorageV2'
          credential: credentialReference
        }
  }
  dependsOn: [factory::credential, vault]
}

// Data Factory requires the same storage account as for the code, and stores the logs of tasks in its container adfjobs.
resource batch 'Microsoft.DataFactory/factories/linkedservices@2018-06-01' = {
  parent: factory
  name: 'batch'
  properties: {
    type: 'AzureBatch'
    typeProperties: withKeys
      ? {
          accountName: batchName
          batchUri: batchUrl
          poolName: poolName
          linkedServiceName: { referenceName: storage.name, type: 'LinkedServiceReference' }
          accessKey: {
            type: 'AzureKeyVaultSecret'
            store: { referenceName: 'vault', type: 'LinkedServiceReference' }
            secretName: vaultEntries.batch
          }
        }
      : {
          accountName: batchName
          batchUri: batchUrl
          poolName: poolName
          linkedServiceName: { referenceName: storage.name, type: 'LinkedServiceReference' }
          credential: credentialReference
        }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: factory
  properties: {
    workspaceId: logsId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

@description('Name of the factory.')
output name string = factory.name
