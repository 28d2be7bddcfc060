// Names of resources, which main.bicep and events.bicep share, tags, and ids of built-in roles by their names.

@export()
@sealed()
@description('Names of all resources in one environment.')
type Names = {
  appIdentity: string
  trainingIdentity: string
  scoringIdentity: string
  workspaceIdentity: string
  eventsIdentity: string
  dataStorage: string
  hostStorage: string
  logs: string
  insights: string
  vault: string
  registry: string
  workspace: string
  batch: string
  factory: string
  plan: string
  functionApp: string
  uploads: string
  lifecycle: string
}

@export()
@description('Tags for every resource.')
type Tags = { *: string }

@export()
@description('The name of a region as Resource Manager compares them: West Europe is westeurope.')
func regionOf(location string) string => toLower(replace(location, ' ', ''))

@export()
@description('Names of all resources in one environment. The names of resource groups ignore case, so these ignore it too.')
func namesOf(subscriptionId string, environmentName string, location string) Names =>
  namesWith(uniqueString(subscriptionId, toLower(environmentName), regionOf(location)))

@description('Names of all resources with one token, by which they differ from those of other environments.')
func namesWith(token string) Names => {
  appIdentity: 'id-app-${token}'
  trainingIdentity: 'id-training-${token}'
  scoringIdentity: 'id-scoring-${token}'
  workspaceIdentity: 'id-workspace-${token}'
  eventsIdentity: 'id-events-${token}'
  dataStorage: 'stdata${token}'
  hostStorage: 'sthost${token}'
  logs: 'log-${token}'
  insights: 'appi-${token}'
  vault: 'kv-${token}'
  registry: 'cr${token}'
  workspace: 'mlw-${token}'
  batch: 'ba${token}'
  factory: 'adf-${token}'
  plan: 'plan-${token}'
  functionApp: 'func-${token}'
  uploads: 'evgs-uploads-${token}'
  lifecycle: 'evgt-runs-${token}'
}

@export()
@description('Container of the host account for events that could not be delivered.')
var deadLetters = 'deadletters'

@export()
@description('Container of the host account to which the code of the Function App is deployed.')
var appPackage = 'app-package'

@export()
@description('Resource type of a role.')
var roleDefinitionType = 'Microsoft.Authorization/roleDefinitions'

@export()
@description('Ids of built-in roles, by role name.')
var roles = {
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  acrPush: '8311e382-0749-4cb8-b61a-304f252e45ec'
  azureBatchAccountContributor: '29fe4964-1e60-436b-bd3a-77fd4c178b3c'
  azureBatchDataContributor: '6aaa78f1-f7de-44ca-8722-c64a23943cae'
  azureMLComputeOperator: 'e503ece1-11d0-4e8e-8e2c-7a6c3bf38815'
  azureMLDataScientist: 'f6c7c914-8db3-469d-8ca1-694a8f32e121'
  contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c'
  eventGridDataSender: 'd5a91429-5739-47e2-a06b-3470a27159e7'
  keyVaultAdministrator: '00482a5a-887f-4fb3-b363-3b7fe8e74483'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  managedIdentityOperator: 'f1a07417-d97a-45cb-824c-7a7467783830'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  storageFileDataPrivilegedContributor: '69566ab7-960f-475b-8e7c-b3118f30c6bd'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}
