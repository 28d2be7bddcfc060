// Where logs and telemetry go.

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Names, as namesOf of names.bicep gives them.')
param names object

@description('Required. Days that logs are kept.')
param retentionInDays int

resource logs 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: names.logs
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionInDays
    features: { disableLocalAuth: true }
  }
}

// Without local authentication: what publishes here shows its identity.
resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: names.insights
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: logs.id
    DisableLocalAuth: true
  }
}

@description('Resource id of the Log Analytics workspace.')
output logsId string = logs.id

@description('Resource id of Application Insights.')
output insightsId string = insights.id

@description('Address of Application Insights; without a role it lets nobody in.')
output insightsConnection string = insights.properties.ConnectionString
