// Event Grid: the source of upload events, and the topic on which runs tell others how they fare.
// The subscriptions of the Function App are subscriptions.bicep.

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Names, as namesOf of names.bicep gives them.')
param names object

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

@description('Address to which lifecycle events are sent.')
output lifecycleEndpoint string = lifecycle.properties.endpoint
