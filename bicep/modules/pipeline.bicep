// The pipeline, which runs one published version of the trainer. main.bicep deploys it once that version is known;
// publishing the trainer deploys only this file. A pipeline run keeps the version that it started with.

@description('Required. Name of the data factory.')
param factoryName string

@description('Required. SHA-256 of the published trainer\'s archive, in 64 hexadecimal digits.')
param trainerHash string

@description('Required. Blob endpoint of the data account, without a trailing slash.')
param accountUrl string

@description('Required. Container for datasets, code and runs.')
param container string

@description('Required. Client id of the identity of the Batch nodes.')
param clientId string

@sealed()
@description('What a deployment writes into the activity that trains.')
type Published = {
  typeProperties: {
    command: string
    folderPath: string
    extendedProperties: {
      accountUrl: string
      container: string
      clientId: string
    }
  }
}

var definition = loadJsonContent('../definitions/pipeline.json')
var train = definition.properties.activities[0]
// A clone on Windows may have changed the ends of lines, and would deploy another command.
var program = replace(loadTextContent('../definitions/run_trainer.py'), '\r', '')

// What decides which code runs, and as whom, is written into the pipeline: who starts a run cannot choose it.
var published Published = {
  typeProperties: {
    command: replace(replace(train.typeProperties.command, '{program}', base64(program)), '{trainerHash}', trainerHash)
    folderPath: '${container}/code/${trainerHash}'
    extendedProperties: {
      accountUrl: accountUrl
      container: container
      clientId: clientId
    }
  }
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
    parameters: definition.properties.parameters
    activities: [union(train, published)]
  }
}
