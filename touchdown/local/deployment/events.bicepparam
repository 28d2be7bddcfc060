// The event subscriptions of Touchdown on localcloud.

using '../../../bicep/events.bicep'

param location = 'localcloud'
