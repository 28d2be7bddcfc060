// Event Grid: the system topic that raises upload events, and the topic to which runs publish lifecycle events.
// The subscriptions of the Function App are in subscriptions.bicep.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Resource id of the storage account whose blobs raise events.')
param storageId string

@description('Required. Resource id of the identity that writes dead letters.')
param identityId string

@description('Required. Resource id of the Log Analytics workspace.')
param logsId string

resource uploads 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: names.uploads
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    source: storageId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource lifecycle 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: names.lifecycle
  location: location
  tags: tags
  properties: {
    inputSchema: 'EventGridSchema'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: uploads
  properties: {
    workspaceId: logsId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

@description('Resource id of the system topic.')
output uploadsId string = uploads.id

@description('Endpoint to which lifecycle events are sent.')
output lifecycleEndpoint string = lifecycle.properties.endpoint
