// Two accounts: the data account, for the data of runs, and the host account, for the Functions host's own data. So
// blobs of the host never raise events that reach the subscriptions for datasets.

import { appPackage, deadLetters, Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Whether the data account accepts its shared key, which only the fallback of keys.bicep needs.')
param sharedKey bool

@description('Required. Days after which Custom activity logs, dead letters and earlier versions of blobs are deleted.')
param retentionInDays int

@description('Required. Resource id of the Log Analytics workspace that receives logs.')
param logsId string

@description('Properties of an account. sharedKey: whether it accepts its shared key.')
func accountWith(sharedKey bool) resourceInput<'Microsoft.Storage/storageAccounts@2025-08-01'>.properties => {
  accessTier: 'Hot'
  allowBlobPublicAccess: false
  allowCrossTenantReplication: false
  allowSharedKeyAccess: sharedKey
  defaultToOAuthAuthentication: true
  minimumTlsVersion: 'TLS1_2'
  publicNetworkAccess: 'Enabled'
  supportsHttpsTrafficOnly: true
}

// No hierarchical namespace: Azure ML's default datastore does not support one.
resource data 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: names.dataStorage
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: accountWith(sharedKey)
}

resource host 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: names.hostStorage
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: accountWith(false)
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: data
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    isVersioningEnabled: true
  }
}

// Who changed which blob, with the ETag that a run names: an event of a new blob does not say who wrote it.
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: dataBlobs
  properties: {
    workspaceId: logsId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

resource hostBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: host
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource hostContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = [
  for name in [appPackage, deadLetters]: {
    parent: hostBlobs
    name: name
    properties: { publicAccess: 'None' }
  }
]

// Nothing else deletes the files that Custom activities leave in adfjobs, and earlier versions of overwritten and deleted
// blobs, which cost as much as the blobs. A version counts its days from when it was written; once deleted, it can be
// restored for the 7 days above. The policy deletes a blob only after its earlier versions, so the second rule has no
// prefix (learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure).
resource dataLifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-08-01' = {
  parent: data
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-activity-logs'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['adfjobs/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retentionInDays } } }
          }
        }
        {
          name: 'delete-earlier-versions'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob', 'appendBlob'] }
            actions: { version: { delete: { daysAfterCreationGreaterThan: retentionInDays } } }
          }
        }
      ]
    }
  }
  dependsOn: [dataBlobs]
}

resource hostLifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-08-01' = {
  parent: host
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-dead-letters'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${deadLetters}/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retentionInDays } } }
          }
        }
      ]
    }
  }
}

@description('Resource id of the data account, which holds datasets, code, models and predictions.')
output dataId string = data.id

@description('Blob endpoint of the data account, without a trailing slash.')
output dataUrl string = 'https://${data.name}.blob.${environment().suffixes.storage}'

@description('Name of the data account.')
output dataName string = data.name
