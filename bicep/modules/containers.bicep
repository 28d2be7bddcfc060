// The containers of the data account. Azure ML and Data Factory would create theirs on first use; this module creates
// them earlier, because roles are assigned on them. Creating a container that exists changes nothing.

import { Names } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Container behind the datastore workspaceblobstore.')
param container string

resource data 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.dataStorage

  resource blobs 'blobServices' existing = {
    name: 'default'
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = [
  for name in [container, 'azureml', 'adfjobs']: {
    parent: data::blobs
    name: name
    properties: { publicAccess: 'None' }
  }
]
