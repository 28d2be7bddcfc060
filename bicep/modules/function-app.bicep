// The Function App, on Flex Consumption: it scales to zero, and authenticates to all services by its identity.

import { appPackage, Names, Tags } from '../names.bicep'
import { Identity } from 'identities.bicep'
import { Authority, CodeSettings, PlatformSettings, PollingSeconds, RunDefaults, RunSettings } from 'settings.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Python version of the app.')
param pythonVersion string

@description('Required. Maximum number of instances of the app.')
param maxInstances int

@description('Required. The app\'s identity; its roles on the host account must already be assigned.')
param identity Identity

@description('Required. Connection string of Application Insights.')
param insightsConnection string

@description('Required. Name of the Azure ML workspace.')
param workspaceName string

@description('Required. Name of the data factory.')
param factoryName string

@description('Required. Blob endpoint of the data account, without a trailing slash.')
param storageUrl string

@description('Required. Container for datasets, code and runs.')
param container string

@description('Required. Resource id of the identity for a cluster that the app creates.')
param computeIdentityId string

@description('Required. Maximum number of nodes in a cluster that the app creates.')
param computeMaxNodes int

@description('Required. Endpoint to which lifecycle events are sent.')
param topicEndpoint string

@description('Required. Name of the scoring cluster, unless runDefaults names another.')
param computeName string

@description('Required. VM size of a cluster that the app creates, unless runDefaults names another.')
param computeVmSize string

@description('Required. Default settings of every run, by name.')
param runDefaults RunDefaults

@description('Required. What callers may ask of a run beyond what is theirs, and the most that they may ask for.')
param authority Authority

@description('Required. Intervals at which runs and operations are polled.')
param pollingSeconds PollingSeconds

@description('Required. Who may call the HTTP API: Key or Entra.')
param signIn string

@description('Required. Client id of the app registration for which callers get tokens; empty unless signIn is Entra.')
param signInClientId string

@description('Required. Ids of the callers who may decide on runs; empty for all.')
param approvers string[]

var appSettings CodeSettings = {
  TOUCHDOWN_SUBSCRIPTION_ID: subscription().subscriptionId
  TOUCHDOWN_RESOURCE_GROUP: resourceGroup().name
  TOUCHDOWN_WORKSPACE: workspaceName
  TOUCHDOWN_DATA_FACTORY: factoryName
  TOUCHDOWN_PIPELINE: loadJsonContent('../definitions/pipeline.json', '$.name')
  TOUCHDOWN_STORAGE_URL: storageUrl
  TOUCHDOWN_CONTAINER: container
  TOUCHDOWN_DATASTORE: 'workspaceblobstore'
  TOUCHDOWN_RESOURCE_MANAGER_URL: environment().resourceManager
  TOUCHDOWN_COMPUTE_IDENTITY: computeIdentityId
  TOUCHDOWN_COMPUTE_MAX_NODES: string(computeMaxNodes)
  TOUCHDOWN_TOPIC_ENDPOINT: topicEndpoint
  TOUCHDOWN_RUN_POLLING_FIRST_SECONDS: pollingSeconds.runFirst
  TOUCHDOWN_RUN_POLLING_CAP_SECONDS: pollingSeconds.runCap
  TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS: pollingSeconds.operationFirst
  TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS: pollingSeconds.operationCap
  TOUCHDOWN_METADATA_SETTINGS: join(authority.metadataSettings, ',')
  TOUCHDOWN_ALLOWED_VM_SIZES: join(authority.allowedVmSizes, ',')
  TOUCHDOWN_MAX_EPOCHS: string(authority.caps.epochs)
  TOUCHDOWN_MAX_TRAINING_TIMEOUT: authority.caps.trainingTimeout
  TOUCHDOWN_MAX_ROWS: string(authority.caps.rows)
  TOUCHDOWN_MAX_TEXT_MIB: string(authority.caps.textMib)
  TOUCHDOWN_MAX_COMPRESSION_RATIO: string(authority.caps.compressionRatio)
  TOUCHDOWN_TAKE_OVER: authority.takeOver ? 'allow' : 'refuse'
  TOUCHDOWN_SIGN_IN: toLower(signIn)
  TOUCHDOWN_APPROVERS: join(approvers, ', ')
}

// An empty setting counts as not set: the code's own default applies.
var runSettings RunSettings = {
  TOUCHDOWN_LABEL: runDefaults.?label ?? ''
  TOUCHDOWN_MODEL_NAME: runDefaults.?model_name ?? ''
  TOUCHDOWN_ENDPOINT_NAME: runDefaults.?endpoint_name ?? ''
  TOUCHDOWN_EPOCHS: runDefaults.?epochs ?? ''
  TOUCHDOWN_LR: runDefaults.?lr ?? ''
  TOUCHDOWN_MIN_ACCURACY: runDefaults.?min_accuracy ?? ''
  TOUCHDOWN_TRAINING_TIMEOUT: runDefaults.?training_timeout ?? ''
  TOUCHDOWN_KEEP_DEPLOYMENTS: runDefaults.?keep_deployments ?? ''
  TOUCHDOWN_COMPUTE_NAME: runDefaults.?compute_name ?? computeName
  TOUCHDOWN_VM_SIZE: runDefaults.?vm_size ?? computeVmSize
  TOUCHDOWN_TASK: runDefaults.?task ?? ''
  TOUCHDOWN_ALGORITHM: runDefaults.?algorithm ?? ''
  TOUCHDOWN_TRAINING_BUDGET: runDefaults.?training_budget ?? ''
  TOUCHDOWN_RARE_CLASSES: runDefaults.?rare_classes ?? ''
  TOUCHDOWN_CLASS_WEIGHTS: runDefaults.?class_weights ?? ''
  TOUCHDOWN_MAX_RMSE: runDefaults.?max_rmse ?? ''
  TOUCHDOWN_TOLERANCE: runDefaults.?tolerance ?? ''
  TOUCHDOWN_APPROVAL: runDefaults.?approval ?? ''
  TOUCHDOWN_APPROVAL_TIMEOUT: runDefaults.?approval_timeout ?? ''
  TOUCHDOWN_UNCOMPARED_CHAMPION: runDefaults.?uncompared_champion ?? ''
}

var platformSettings PlatformSettings = {
  AzureWebJobsStorage__blobServiceUri: host.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: host.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: host.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
  AZURE_CLIENT_ID: identity.clientId
  ARM_CLOUD_METADATA_URL: '${environment().resourceManager}metadata/endpoints?api-version=2019-05-01'
  AZURE_FUNCTIONS_DURABLE_STRICT_TYPING: '1'
  PYTHON_THREADPOOL_THREAD_COUNT: '32'
}

resource host 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.hostStorage
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: names.plan
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource functionApp 'Microsoft.Web/sites@2025-03-01' = {
  name: names.functionApp
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${host.properties.primaryEndpoints.blob}${appPackage}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maxInstances
      }
    }
    siteConfig: {
      // There is no ftpsState: Flex Consumption has no FTP, and some regions, West Europe among them, refuse an app that has
      // the property, with error 51021 (github.com/microsoft/azure-pipelines-tasks/issues/21032).
      minTlsVersion: '1.2'
      appSettings: map(items(union(appSettings, runSettings, platformSettings)), setting => {
        name: setting.key
        value: setting.value
      })
    }
  }

  // App Service lets only requests with a token for this app through, and names its principal to the code. Event Grid calls
  // below /runtime/webhooks with a key of the host. A path with * covers all below it (github.com/MicrosoftDocs/azure-docs,
  // issue 86514). There is no secret, so callers bring a token; App Service does not fetch one for a browser. It is turned
  // off where keys are asked for: a deployment deletes nothing, so it would stay on.
  resource authentication 'config' = {
    name: 'authsettingsV2'
    properties: signIn == 'Entra'
      ? {
          platform: { enabled: true }
          globalValidation: {
            requireAuthentication: true
            unauthenticatedClientAction: 'Return401'
            excludedPaths: ['/runtime/webhooks/*']
          }
          httpSettings: { requireHttps: true }
          identityProviders: {
            azureActiveDirectory: {
              enabled: true
              registration: {
                clientId: signInClientId
                openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
              }
              validation: {
                allowedAudiences: [signInClientId, 'api://${signInClientId}']
              }
            }
          }
          login: {
            tokenStore: { enabled: false }
          }
        }
      : { platform: { enabled: false } }
  }

  // Publishing needs a Microsoft Entra token; publishing by user name and password is off.
  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

@description('Name of the Function App.')
output name string = functionApp.name

@description('URL of its HTTP API.')
output url string = 'https://${functionApp.properties.defaultHostName}/api'
