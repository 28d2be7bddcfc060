// Who acts: one user-assigned identity for each part that needs rights of its own.

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Names, as namesOf of names.bicep gives them.')
param names object

@description('An identity, as other modules need it.')
type Identity = {
  @description('Resource id.')
  id: string

  @description('What roles are assigned to.')
  principalId: string

  @description('What a process asks for a token with.')
  clientId: string
}

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: names.appIdentity
  location: location
  tags: tags
}

// One for Data Factory, Batch account and Batch nodes: a Custom activity without keys works only so.
resource training 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: names.trainingIdentity
  location: location
  tags: tags
}

resource scoring 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: names.scoringIdentity
  location: location
  tags: tags
}

resource workspace 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: names.workspaceIdentity
  location: location
  tags: tags
}

resource events 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
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

@description('Identity of the cluster that scores.')
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

@description('Identity with which Event Grid writes dead letters.')
output events Identity = {
  id: events.id
  principalId: events.properties.principalId
  clientId: events.properties.clientId
}
