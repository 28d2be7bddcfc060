/*
 * What each operation of storage needs, by the name that Azurite gives it.
 *
 * Sources: "Authorize with Microsoft Entra ID", sections "Permissions for Blob/Queue/Table service operations", and
 * "Permissions" of each operation's page. A need is a list of alternatives; each is a list of rights that must all
 * be held. A right is [kind, name]: `action` or `data` (data action), and its name below Microsoft.Storage/
 * storageAccounts/. `new` marks a right that suffices for a blob that does not exist yet. An operation that is not
 * here is refused.
 */
"use strict";

const CONTAINERS = "blobServices/containers";
const BLOBS = `${CONTAINERS}/blobs`;
const QUEUES = "queueServices/queues";
const MESSAGES = `${QUEUES}/messages`;
const TABLES = "tableServices/tables";
const ENTITIES = `${TABLES}/entities`;

const action = (name) => [[{ name, isData: false }]];
const data = (...names) => names.map((each) => [each].flat().map((name) => ({ name, isData: true })));
const PARTS = [[]];
/** Each part is decided for itself; the request around them needs a valid token and nothing else. */

const READ = data(`${BLOBS}/read`);
const WRITE = data(`${BLOBS}/write`);
const WRITE_OR_ADD = [
  [{ name: `${BLOBS}/write`, isData: true }],
  [{ name: `${BLOBS}/add/action`, isData: true, onlyNew: true }],
];
const APPEND = data(`${BLOBS}/write`, `${BLOBS}/add/action`);
const IMMUTABLE = data(`${BLOBS}/immutableStorage/runAsSuperUser/action`);

const BLOB = {
  Service_SetProperties: action("blobServices/write"),
  Service_GetProperties: action("blobServices/read"),
  Service_GetStatistics: action("blobServices/read"),
  Service_ListContainersSegment: action(`${CONTAINERS}/read`),
  Service_GetUserDelegationKey: action("blobServices/generateUserDelegationKey/action"),
  Service_GetAccountInfo: action("blobServices/getInfo/action"),
  Service_GetAccountInfoWithHead: action("blobServices/getInfo/action"),
  Service_SubmitBatch: PARTS,
  Service_FilterBlobs: data(`${BLOBS}/filter/action`),
  Container_Create: action(`${CONTAINERS}/write`),
  Container_GetProperties: action(`${CONTAINERS}/read`),
  Container_GetPropertiesWithHead: action(`${CONTAINERS}/read`),
  Container_Delete: action(`${CONTAINERS}/delete`),
  Container_SetMetadata: action(`${CONTAINERS}/write`),
  Container_GetAccessPolicy: action(`${CONTAINERS}/getAcl/action`),
  Container_SetAccessPolicy: action(`${CONTAINERS}/setAcl/action`),
  Container_Restore: action(`${CONTAINERS}/write`),
  Container_SubmitBatch: PARTS,
  Container_FilterBlobs: data(`${BLOBS}/filter/action`),
  Container_AcquireLease: action(`${CONTAINERS}/write`),
  Container_ReleaseLease: action(`${CONTAINERS}/write`),
  Container_RenewLease: action(`${CONTAINERS}/write`),
  Container_BreakLease: action(`${CONTAINERS}/write`),
  Container_ChangeLease: action(`${CONTAINERS}/write`),
  Container_ListBlobFlatSegment: READ,
  Container_ListBlobHierarchySegment: READ,
  Container_GetAccountInfo: action("blobServices/getInfo/action"),
  Container_GetAccountInfoWithHead: action("blobServices/getInfo/action"),
  Blob_Download: READ,
  Blob_GetProperties: READ,
  Blob_Query: READ,
  Blob_Delete: data(`${BLOBS}/delete`),
  Blob_Undelete: WRITE,
  Blob_SetExpiry: WRITE,
  Blob_SetHTTPHeaders: WRITE,
  Blob_SetImmutabilityPolicy: IMMUTABLE,
  Blob_DeleteImmutabilityPolicy: IMMUTABLE,
  Blob_SetLegalHold: IMMUTABLE,
  Blob_SetMetadata: WRITE,
  Blob_AcquireLease: WRITE,
  Blob_ReleaseLease: WRITE,
  Blob_RenewLease: WRITE,
  Blob_ChangeLease: WRITE,
  Blob_BreakLease: WRITE,
  Blob_CreateSnapshot: APPEND,
  Blob_StartCopyFromURL: WRITE_OR_ADD,
  Blob_CopyFromURL: WRITE_OR_ADD,
  Blob_AbortCopyFromURL: WRITE,
  Blob_SetTier: WRITE,
  Blob_GetAccountInfo: action("blobServices/getInfo/action"),
  Blob_GetAccountInfoWithHead: action("blobServices/getInfo/action"),
  Blob_GetTags: data(`${BLOBS}/tags/read`),
  Blob_SetTags: data(`${BLOBS}/tags/write`),
  PageBlob_Create: WRITE_OR_ADD,
  PageBlob_UploadPages: WRITE,
  PageBlob_ClearPages: WRITE,
  PageBlob_UploadPagesFromURL: WRITE,
  PageBlob_GetPageRanges: READ,
  PageBlob_GetPageRangesDiff: READ,
  PageBlob_Resize: WRITE,
  PageBlob_UpdateSequenceNumber: WRITE,
  PageBlob_CopyIncremental: WRITE_OR_ADD,
  AppendBlob_Create: WRITE_OR_ADD,
  AppendBlob_AppendBlock: APPEND,
  AppendBlob_AppendBlockFromUrl: APPEND,
  AppendBlob_Seal: WRITE,
  BlockBlob_Upload: WRITE_OR_ADD,
  BlockBlob_PutBlobFromUrl: WRITE_OR_ADD,
  BlockBlob_StageBlock: WRITE_OR_ADD,
  BlockBlob_StageBlockFromURL: WRITE_OR_ADD,
  BlockBlob_CommitBlockList: WRITE_OR_ADD,
  BlockBlob_GetBlockList: READ,
};

const QUEUE = {
  Service_SetProperties: action("queueServices/write"),
  Service_GetProperties: action("queueServices/read"),
  Service_GetStatistics: action("queueServices/read"),
  Service_ListQueuesSegment: action(`${QUEUES}/read`),
  Queue_Create: action(`${QUEUES}/write`),
  Queue_Delete: action(`${QUEUES}/delete`),
  Queue_GetProperties: action(`${QUEUES}/read`),
  Queue_GetPropertiesWithHead: action(`${QUEUES}/read`),
  Queue_SetMetadata: action(`${QUEUES}/write`),
  Messages_Dequeue: data(`${MESSAGES}/process/action`, [`${MESSAGES}/delete`, `${MESSAGES}/read`]),
  Messages_Clear: data(`${MESSAGES}/delete`),
  Messages_Enqueue: data(`${MESSAGES}/add/action`, `${MESSAGES}/write`),
  Messages_Peek: data(`${MESSAGES}/read`),
  MessageId_Update: data(`${MESSAGES}/write`),
  MessageId_Delete: data(`${MESSAGES}/process/action`, `${MESSAGES}/delete`),
};

const TABLE = {
  Service_SetProperties: action("tableServices/write"),
  Service_GetProperties: action("tableServices/read"),
  Service_GetStatistics: action("tableServices/read"),
  Table_Query: action(`${TABLES}/read`),
  Table_Create: action(`${TABLES}/write`),
  Table_Delete: action(`${TABLES}/delete`),
  Table_Batch: PARTS,
  Table_QueryEntities: data(`${ENTITIES}/read`),
  Table_QueryEntitiesWithPartitionAndRowKey: data(`${ENTITIES}/read`),
  Table_InsertEntity: data(`${ENTITIES}/write`, `${ENTITIES}/add/action`),
  Table_UpdateEntity: data(`${ENTITIES}/write`, `${ENTITIES}/update/action`),
  Table_MergeEntity: data(`${ENTITIES}/write`, `${ENTITIES}/update/action`),
  Table_MergeEntityWithMerge: data(`${ENTITIES}/write`, `${ENTITIES}/update/action`),
  Table_DeleteEntity: data(`${ENTITIES}/delete`),
};
const UPSERT = data(`${ENTITIES}/write`, [`${ENTITIES}/add/action`, `${ENTITIES}/update/action`]);
/** Insert Or Replace and Insert Or Merge are an update and a merge without If-Match. */
const UPSERTABLE = ["Table_UpdateEntity", "Table_MergeEntity", "Table_MergeEntityWithMerge"];

const TAKES_TAGS = [
  "BlockBlob_Upload",
  "BlockBlob_CommitBlockList",
  "BlockBlob_PutBlobFromUrl",
  "PageBlob_Create",
  "AppendBlob_Create",
  "Blob_StartCopyFromURL",
  "Blob_CopyFromURL",
];

/** What an operation needs; undefined if nobody may do it by a token. `header` and `query` read a request. */
function needOf(service, operation, header, query) {
  if (service === "table") {
    const isUpsert = UPSERTABLE.includes(operation) && header("if-match") === undefined;
    return isUpsert ? UPSERT : TABLE[operation];
  }
  if (service === "queue") {
    return QUEUE[operation];
  }
  if (operation === "Blob_Delete" && query("deletetype") === "permanent") {
    return data(`${BLOBS}/permanentDelete/action`);
  }
  if (operation === "Blob_Delete" && query("versionid") !== undefined) {
    return data(`${BLOBS}/deleteBlobVersion/action`);
  }
  const need = BLOB[operation];
  if (need && TAKES_TAGS.includes(operation) && header("x-ms-tags") !== undefined) {
    return need.map((rights) => [...rights, { name: `${BLOBS}/tags/write`, isData: true }]);
  }
  return need;
}

/** Azure's name for the kind of an operation that conditions may ask for ("Actions and attributes …"), or "". */
function suboperationOf(service, operation, header) {
  if (service !== "blob") {
    return "";
  }
  if (operation.startsWith("Container_ListBlob")) {
    return "Blob.List";
  }
  if (operation === "Blob_SetTier") {
    return "Blob.Write.Tier";
  }
  if (TAKES_TAGS.includes(operation)) {
    return "Blob.Write.WithTagHeaders";
  }
  return BLOB[operation] === READ && header("x-ms-if-tags") !== undefined ? "Blob.Read.WithTagConditions" : "";
}

module.exports = { BLOB, QUEUE, TABLE, needOf, suboperationOf };
