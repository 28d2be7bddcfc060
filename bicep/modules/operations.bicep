// Alerts and a workbook, which report that something is wrong and show what it is. The queries are the
// files in definitions/queries, which read the app's log lines. The query of an alert reads one table: Azure Monitor
// does not support rules whose query has a union of tables
// (https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-log-query, "Log query constraints").

import { Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Resource id of the Log Analytics workspace.')
param logsId string

@description('Required. Resource id of the system topic that raises upload events.')
param uploadsId string

@description('Optional. Email address for alerts. If empty, only Azure Monitor shows them.')
param alertEmail string

@description('Required. Hours of training after which a run counts as waiting too long.')
param waitingHours int

var waitingRuns = replace(loadTextContent('../definitions/queries/waiting-runs.kql'), '{hours}', string(waitingHours))
var mailName = 'touchdown-mail'
var actionGroups = empty(alertEmail) ? [] : [resourceId('Microsoft.Insights/actionGroups', mailName)]

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: mailName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'touchdown'
    enabled: true
    emailReceivers: [
      { name: 'operator', emailAddress: alertEmail, useCommonAlertSchema: true }
    ]
  }
}

resource failedRun 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: 'touchdown-run-failed'
  location: location
  tags: tags
  properties: {
    displayName: 'Touchdown: a run failed'
    description: 'GET /api/runs?status=failed lists the failed runs, and GET /api/runs/{id} says why one failed. docs/operate.md says what to do next.'
    severity: 2
    enabled: true
    scopes: [logsId]
    evaluationFrequency: 'PT5M'
    // Longer than the frequency, because telemetry arrives late; muted, so that each failure is reported once.
    windowSize: 'PT15M'
    muteActionsDuration: 'PT15M'
    autoMitigate: false
    // The app's tables exist only after it has logged something.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: loadTextContent('../definitions/queries/failed-runs.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: actionGroups }
  }
  dependsOn: [mail]
}

resource failedCalls 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: 'touchdown-calls-failed'
  location: location
  tags: tags
  properties: {
    displayName: 'Touchdown: calls of the app failed'
    description: 'At least three calls of the functions that start runs and answer the API failed within half an hour, so uploads may not start their runs yet. Table AppExceptions says why, by OperationId; docs/operate.md, "Alerts", says what to do next.'
    severity: 2
    enabled: true
    scopes: [logsId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
    autoMitigate: true
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: loadTextContent('../definitions/queries/failed-calls.kql')
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          // Event Grid sends an event again after 10 seconds, so one or two failures may have passed by themselves.
          threshold: 2
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: actionGroups }
  }
  dependsOn: [mail]
}

resource waitingRun 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = {
  name: 'touchdown-run-waits'
  location: location
  tags: tags
  properties: {
    displayName: 'Touchdown: a run waits too long'
    description: 'The training of a run has been running or queued for more than ${waitingHours} hours. Check whether its nodes start: docs/operate.md, "wait".'
    severity: 3
    enabled: true
    scopes: [logsId]
    evaluationFrequency: 'PT1H'
    windowSize: 'P1D'
    overrideQueryTimeRange: 'P2D'
    autoMitigate: true
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: waitingRuns
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [{ name: 'RunId', operator: 'Include', values: ['*'] }]
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: actionGroups }
  }
  dependsOn: [mail]
}

resource deadLettered 'Microsoft.Insights/metricAlerts@2026-01-01' = {
  name: 'touchdown-dead-lettered'
  location: 'global'
  tags: tags
  properties: {
    description: 'An event about an upload or a model could not be delivered for a day. docs/operate.md says how to replay it.'
    severity: 2
    enabled: true
    scopes: [uploadsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-lettered'
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: map(actionGroups, group => { actionGroupId: group })
  }
  dependsOn: [mail]
}

var charts = [
  { title: 'Runs', query: loadTextContent('../definitions/queries/runs.kql') }
  { title: 'Runs whose training waits', query: waitingRuns }
  { title: 'Failed runs', query: loadTextContent('../definitions/queries/failed-runs.kql') }
  { title: 'Failed calls', query: loadTextContent('../definitions/queries/failed-calls.kql') }
  { title: 'Why steps refused or failed', query: loadTextContent('../definitions/queries/refusals.kql') }
  { title: 'Stages, in minutes', query: loadTextContent('../definitions/queries/stages.kql') }
  { title: 'Trainings', query: loadTextContent('../definitions/queries/trainings.kql') }
]

var tables = [
  for chart in charts: {
    type: 3
    name: chart.title
    content: {
      version: 'KqlItem/1.0'
      title: chart.title
      query: chart.query
      noDataMessage: 'Nothing in this time.'
      timeContext: { durationMs: 604800000 }
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      visualization: 'table'
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'touchdown-runs')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Touchdown runs'
    category: 'workbook'
    sourceId: logsId
    serializedData: string({
      version: 'Notebook/1.0'
      fallbackResourceIds: [logsId]
      items: tables
    })
  }
}
