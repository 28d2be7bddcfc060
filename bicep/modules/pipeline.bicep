// The pipeline, which runs one published version of the trainer. main.bicep deploys it once that version is known;
// publishing the trainer deploys only this file. A pipeline run keeps the version that it started with.

@description('Required. Name of the data factory.')
param factoryName string

@description('Required. Folder of the published trainer in the container: code/ and its hash.')
param codePath string

@description('Required. Blob endpoint of the data account, without a trailing slash.')
param accountUrl string

@description('Required. Container for datasets, code and runs.')
param container string

@description('Required. Client id of the identity of the Batch nodes.')
param clientId string

@sealed()
@description('The parameters of the pipeline whose defaults only a deployment knows.')
type Deployed = {
  accountUrl: Default
  container: Default
  codePath: Default
  clientId: Default
}

@sealed()
@description('The default of a parameter.')
type Default = { defaultValue: string }

var definition = loadJsonContent('../definitions/pipeline.json')
var deployed Deployed = {
  accountUrl: { defaultValue: accountUrl }
  container: { defaultValue: container }
  codePath: { defaultValue: codePath }
  clientId: { defaultValue: clientId }
}

resource factory 'Microsoft.DataFactory/factories@2018-06-01' existing = {
  name: factoryName
}

// Written out, because the compiler then compares the activities with the types of Data Factory.
resource pipeline 'Microsoft.DataFactory/factories/pipelines@2018-06-01' = {
  parent: factory
  name: definition.name
  properties: {
    description: definition.properties.description
    concurrency: definition.properties.concurrency
    annotations: definition.properties.annotations
    parameters: union(definition.properties.parameters, deployed)
    activities: definition.properties.activities
  }
}
