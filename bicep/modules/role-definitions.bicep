// The roles of this deployment's own, where the built-in ones can do more than their holders need. They must exist before
// the modules that assign them. Names of roles are unique in the tenant, so each has the name of its resource.
//
// The built-in roles for people and programs that write blobs can also delete and change the container, which no condition
// can prevent: a condition binds data actions only. The operations of the built-in roles are those of
// learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage.

import { Names } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

var containerType = 'Microsoft.Storage/storageAccounts/blobServices/containers'
var delegates = 'Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action'

resource factory 'Microsoft.DataFactory/factories@2018-06-01' existing = {
  name: names.factory
}

resource data 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.dataStorage
}

// Data Factory Contributor, the narrowest built-in role that can start a pipeline, can also rewrite it, and so change
// the code that runs on the nodes with the rights of their identity.
resource pipelineRunner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(factory.id, 'pipeline-runner')
  properties: {
    roleName: 'Touchdown pipeline runner (${names.factory})'
    description: 'Start, find, read and cancel the pipeline runs of a data factory.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: [
          'Microsoft.DataFactory/factories/read'
          'Microsoft.DataFactory/factories/pipelines/read'
          'Microsoft.DataFactory/factories/pipelines/createRun/action'
          'Microsoft.DataFactory/factories/pipelineruns/*'
          'Microsoft.DataFactory/factories/querypipelineruns/*'
        ]
      }
    ]
  }
}

resource uploader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(data.id, 'uploader')
  properties: {
    roleName: 'Touchdown uploader (${names.dataStorage})'
    description: 'Read, list, create and replace the blobs of a container that a condition allows.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        dataActions: [
          '${containerType}/blobs/read'
          '${containerType}/blobs/write'
          '${containerType}/blobs/add/action'
        ]
      }
    ]
  }
}

// Who mounts a container may need its properties too: Azure ML's documentation (how-to-authenticate-batch-endpoint) asks
// for Storage Blob Data Reader, which shows them.
resource blobWriter 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(data.id, 'blob-writer')
  properties: {
    roleName: 'Touchdown blob writer (${names.dataStorage})'
    description: 'Read, list, write and delete the blobs of a container that a condition allows.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: ['${containerType}/read']
        dataActions: [
          '${containerType}/blobs/read'
          '${containerType}/blobs/write'
          '${containerType}/blobs/delete'
        ]
      }
    ]
  }
}

// Storage Blob Data Contributor without the right to delete containers. Data Factory makes adfjobs where it is missing,
// and Azure ML has containers of its own.
resource containerMaker 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(data.id, 'container-maker')
  properties: {
    roleName: 'Touchdown container maker (${names.dataStorage})'
    description: 'Make containers, and read, list, write and delete the blobs that a condition allows.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: ['${containerType}/read', '${containerType}/write', delegates]
        dataActions: [
          '${containerType}/blobs/read'
          '${containerType}/blobs/write'
          '${containerType}/blobs/add/action'
          '${containerType}/blobs/delete'
          '${containerType}/blobs/move/action'
        ]
      }
    ]
  }
}

// Storage Blob Data Owner without the rights to delete containers, and to change who may use them and for how long they
// are kept.
resource blobOwner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(data.id, 'blob-owner')
  properties: {
    roleName: 'Touchdown blob owner (${names.dataStorage})'
    description: 'Make containers, and do with blobs whatever a condition allows.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: ['${containerType}/read', '${containerType}/write', delegates]
        dataActions: ['${containerType}/blobs/*']
      }
    ]
  }
}
