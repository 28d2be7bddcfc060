// The event subscriptions of the Function App, with the filters of definitions/subscriptions.json. Event Grid accepts
// them only once the function exists.

import { deadLetters, Names } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-03-01' existing = {
  name: names.workspace
}

resource functionApp 'Microsoft.Web/sites@2025-03-01' existing = {
  name: names.functionApp
}

resource host 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.hostStorage
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: names.eventsIdentity
}

resource uploads 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: names.uploads
}

resource subscriptions 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for definition in loadJsonContent('../definitions/subscriptions.json'): {
    parent: uploads
    name: definition.name
    properties: {
      eventDeliverySchema: 'EventGridSchema'
      destination: {
        endpointType: 'AzureFunction'
        properties: {
          resourceId: '${functionApp.id}/functions/${definition.functionName}'
          // If one event of a batch failed, the whole batch would be delivered again.
          maxEventsPerBatch: 1
          preferredBatchSizeInKilobytes: 64
        }
      }
      filter: json(replace(
        string(definition.filter),
        '{container}',
        'azureml-blobstore-${workspace.properties.workspaceId}'
      ))
      retryPolicy: definition.retryPolicy
      deadLetterWithResourceIdentity: {
        identity: { type: 'UserAssigned', userAssignedIdentity: identity.id }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: { resourceId: host.id, blobContainerName: deadLetters }
        }
      }
    }
  }
]
