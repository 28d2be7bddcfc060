// The identities: one user-assigned identity for each component that needs rights of its own.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@export()
@sealed()
@description('The ids of an identity that other modules use.')
type Identity = {
  @description('Resource id.')
  id: string

  @description('Principal id, to which roles are assigned.')
  principalId: string

  @description('Client id, with which a process requests a token.')
  clientId: string
}

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.appIdentity
  location: location
  tags: tags
}

// Data Factory, the Batch account and the nodes share one identity: without keys, a Custom activity works only this way.
resource training 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.trainingIdentity
  location: location
  tags: tags
}

resource scoring 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.scoringIdentity
  location: location
  tags: tags
}

resource workspace 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.workspaceIdentity
  location: location
  tags: tags
}

resource events 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: names.eventsIdentity
  location: location
  tags: tags
}

@description('Identity of the Function App.')
output app Identity = {
  id: app.id
  principalId: app.properties.principalId
  clientId: app.properties.clientId
}

@description('Identity of Data Factory, the Batch account and its nodes.')
output training Identity = {
  id: training.id
  principalId: training.properties.principalId
  clientId: training.properties.clientId
}

@description('Identity of the scoring cluster.')
output scoring Identity = {
  id: scoring.id
  principalId: scoring.properties.principalId
  clientId: scoring.properties.clientId
}

@description('Identity of the Azure ML workspace.')
output workspace Identity = {
  id: workspace.id
  principalId: workspace.properties.principalId
  clientId: workspace.properties.clientId
}

@description('Identity that Event Grid uses to write dead letters.')
output events Identity = {
  id: events.id
  principalId: events.properties.principalId
  clientId: events.properties.clientId
}
