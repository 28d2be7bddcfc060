// Conditions of role assignments on blobs: who may write where. A condition binds data actions only, so the operations of
// a role on containers have none. Sources, below learn.microsoft.com/azure: storage/blobs/storage-auth-abac-attributes and
// role-based-access-control/conditions-format.
//
// Names of blobs are compared with their beginning, in which no character is a wildcard. Only where a run's id stands in
// the middle is a pattern needed: there, * is any text, also one with slashes.

@export()
@description('An uploader: object id of a person, group or program, and the beginning of the names below datasets/ that it may read and write.')
@sealed()
type Uploader = {
  @minLength(36)
  @maxLength(36)
  principalId: string

  @maxLength(200)
  prefix: string
}

@description('The name of an operation on blobs.')
func blobs(operation string) string => 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs${operation}'

@description('At least one of these terms.')
func anyOf(terms string[]) string => '(${join(terms, ' OR ')})'

@description('Each of these terms.')
func allOf(terms string[]) string => '(${join(terms, ' AND ')})'

@description('None of these terms.')
func noneOf(terms string[]) string => '(${join(map(terms, each => '!(${each})'), ' AND ')})'

@description('Whether a call is this operation on blobs.')
func isCall(operation string) string => 'ActionMatches{\'${blobs('/${operation}')}\'}'

@description('Whether a blob\'s name begins with one of these texts.')
func beginsWith(beginnings string[]) string =>
  '(${join(map(beginnings, each => nameIs('StringStartsWith', each)), ' OR ')})'

@description('Whether a blob\'s name begins with none of these texts.')
func beginsOtherwise(beginnings string[]) string =>
  '(${join(map(beginnings, each => nameIs('StringNotStartsWith', each)), ' AND ')})'

@description('How a blob\'s name compares with a text. comparison: such as StringLike.')
func nameIs(comparison string, text string) string => '@Resource[${blobs(':path')}] ${comparison} \'${text}\''

@description('Whether a blob is in runs/<run id>/smoke/. A folder of this name deeper in a run is another one.')
func isOfSmokeTest() string =>
  '(${nameIs('StringLike', 'runs/*/smoke/*')} AND ${nameIs('StringNotLike', 'runs/*/*/smoke/*')})'

@description('Whether a blob is in no folder called smoke of any run.')
func isNotOfSmokeTest() string => nameIs('StringNotLike', 'runs/*/smoke/*')

@description('Whether a blob is, or is not, in containers of a name. comparison: such as StringEquals.')
func containerIs(comparison string, name string) string =>
  '@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] ${comparison} \'${name}\''

@description('Every operation that changes blobs, also those that only Storage Blob Data Owner has.')
func changes() string[] => [
  'write'
  'add/action'
  'delete'
  'deleteBlobVersion/action'
  'permanentDelete/action'
  'move/action'
  'tags/write'
  'immutableStorage/runAsSuperUser/action'
  'manageOwnership/action'
  'modifyPermissions/action'
  'runAsSuperUser/action'
]

@description('The condition that a call that changes blobs meets `where`. All others are allowed.')
func changesOnly(where string) string => '(${noneOf(map(changes(), each => isCall(each)))} OR ${where})'

@export()
@description('The app keeps records, the list of runs, leases, and the files of smoke tests, whose jobs may act as the app.')
func ofApp() string => changesOnly(anyOf([beginsWith(['app/', 'index/', 'locks/']), isOfSmokeTest()]))

@export()
@description('Nodes write in runs/, but not what a smoke test predicts. Data Factory and Batch exchange files with them in adfjobs.')
func ofTraining() string =>
  changesOnly(anyOf([containerIs('StringEquals', 'adfjobs'), allOf([beginsWith(['runs/']), isNotOfSmokeTest()])]))

@export()
@description('As ofTraining, and wherever no other actor writes, since Data Factory and Batch may need more than is known.')
func ofTrainingProven() string =>
  changesOnly(allOf([beginsOtherwise(['app/', 'index/', 'locks/', 'code/', 'datasets/']), isNotOfSmokeTest()]))

@export()
@description('A scoring job writes predictions. In azureml/ are the outputs of jobs that name no other place.')
func ofScoring() string => changesOnly(anyOf([beginsWith(['scoring/', 'azureml/']), isOfSmokeTest()]))

@export()
@description('Azure ML writes in all containers and, in the one behind workspaceblobstore, wherever no other actor writes. Only the deployment knows the end of that name.')
func ofMachineLearning() string =>
  changesOnly(anyOf([
    containerIs('StringNotStartsWith', 'azureml-blobstore-')
    beginsOtherwise(['app/', 'index/', 'locks/', 'code/', 'datasets/', 'runs/'])
    isOfSmokeTest()
  ]))

@export()
@description('Who deploys publishes code, uploads datasets, scores, and deletes what the run of `touchdown check` leaves.')
func ofPublisher() string => changesOnly(beginsWith(['code/', 'datasets/', 'scoring/', 'runs/touchdown-check-']))

@export()
@description('An uploader reads, lists and writes what begins with one of its prefixes, and nothing else: its role has these three operations on blobs. A list has no blob, and a prefix in its place.')
func ofUploader(prefixes string[]) string =>
  allOf([
    anyOf([noneOf([isRead(), isCall('write'), isCall('add/action')]), beginsWith(below(prefixes))])
    anyOf(['!(${isList()})', listsWith(below(prefixes))])
  ])

@description('Whether a call lists blobs.')
func isList() string => '${isCall('read')} AND SubOperationMatches{\'Blob.List\'}'

@description('Whether a call reads a blob.')
func isRead() string => '${isCall('read')} AND NOT SubOperationMatches{\'Blob.List\'}'

@description('Whether a list is limited to names that begin with one of these texts.')
func listsWith(beginnings string[]) string =>
  '(${join(map(beginnings, each => '@Request[${blobs(':prefix')}] StringStartsWith \'${each}\''), ' OR ')})'

@description('The beginnings of blob names that prefixes stand for.')
func below(prefixes string[]) string[] => map(prefixes, each => 'datasets/${each}')

@export()
@description('An uploader as conditions and names of assignments need it. In a condition, a quotation mark would end the prefix.')
func checked(uploader Uploader) Uploader => {
  principalId: toLower(uploader.principalId)
  prefix: contains(uploader.prefix, '\'')
    ? fail('The prefix of an uploader has a quotation mark: ${uploader.prefix}')
    : uploader.prefix
}
