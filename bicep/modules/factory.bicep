// Data Factory: the factory, its credential and its linked services. The pipeline is in pipeline.bicep.

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags object

@description('Required. Names, as returned by namesOf in names.bicep.')
param names object

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

@description('Optional. URL of the vault and the names of its secrets, to authenticate to storage and Batch with keys. If null, the identity is used.')
param keys {
  vaultUrl: string
  storageEntry: string
  batchEntry: string
}?

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

resource vault 'Microsoft.DataFactory/factories/linkedservices@2018-06-01' = if (keys != null) {
  parent: factory
  name: 'vault'
  properties: {
    type: 'AzureKeyVault'
    typeProperties: {
      baseUrl: keys.?vaultUrl
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
    typeProperties: keys == null
      ? {
          serviceEndpoint: '${storageUrl}/'
          accountKind: 'StorageV2'
          credential: credentialReference
        }
      : {
          connectionString: 'DefaultEndpointsProtocol=https;AccountName=${storageName};EndpointSuffix=${environment().suffixes.storage}'
          accountKey: {
            type: 'AzureKeyVaultSecret'
            store: { referenceName: 'vault', type: 'LinkedServiceReference' }
            secretName: keys.?storageEntry
          }
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
    typeProperties: union(
      {
        accountName: batchName
        batchUri: batchUrl
        poolName: poolName
        linkedServiceName: { referenceName: storage.name, type: 'LinkedServiceReference' }
      },
      keys == null
        ? { credential: credentialReference }
        : {
            accessKey: {
              type: 'AzureKeyVaultSecret'
              store: { referenceName: 'vault', type: 'LinkedServiceReference' }
              secretName: keys.?batchEntry
            }
          }
    )
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
