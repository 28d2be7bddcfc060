// Log Analytics and Application Insights, which receive logs and telemetry.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Days for which logs are kept.')
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

// Local authentication is off: senders of telemetry authenticate by identity.
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

@description('Connection string of Application Insights; it gives no access without a role.')
output insightsConnection string = insights.properties.ConnectionString
