/*
 * What a request asks for, as conditions see it: the scope that it is on, and its attributes.
 *
 * Source of the attributes: "Actions and attributes for Azure role assignment conditions", of blobs and of queues.
 * A localcloud has no private endpoints, encryption scopes, versions of blobs or hierarchical namespace.
 */
"use strict";

const CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers";
const BLOBS = `${CONTAINERS}/blobs`;

const CHILDREN = {
  blob: "blobServices/default/containers",
  queue: "queueServices/default/queues",
  table: "tableServices/default/tables",
};

/** The scope of what a request is on: the account, or a container, queue or table of it. */
function scopeOf(account, service, child) {
  return child ? `${account.id}/${CHILDREN[service]}/${child}` : account.id;
}

/** The tags of the header x-ms-tags by key; the header is encoded as a query is ("Put Blob"). */
function tagsOf(header) {
  const found = [...new URLSearchParams(header || "")];
  const attributes = Object.fromEntries(
    found.map(([key, value]) => [`Request ${BLOBS}/tags:${key}<$key_case_sensitive$>`, value]),
  );
  return { ...attributes, ...(found.length ? { [`Request ${BLOBS}/tags&$keys$&`]: found.map(([key]) => key) } : {}) };
}

function ofBlob(blob, header, query) {
  const [snapshot, version] = [query("snapshot"), query("versionid")];
  return {
    [`Resource ${BLOBS}:path`]: blob,
    [`Resource ${BLOBS}:isCurrentVersion`]: snapshot === undefined && version === undefined,
    ...(snapshot === undefined ? {} : { [`Request ${BLOBS}:snapshot`]: snapshot }),
    ...(version === undefined ? {} : { [`Request ${BLOBS}:versionId`]: version }),
    ...tagsOf(header("x-ms-tags")),
  };
}

/** The attributes of a request. `target` is {account, service, child, blob, suboperation}. */
function attributesOf(target, header, query) {
  const attributes = {
    "Resource Microsoft.Storage/storageAccounts:name": target.account.name,
    "Resource Microsoft.Storage/storageAccounts:isHnsEnabled": false,
    "Environment isPrivateLink": false,
    "Environment UtcNow": new Date().toISOString(),
  };
  if (target.child && target.service === "queue") {
    attributes["Resource Microsoft.Storage/storageAccounts/queueServices/queues:name"] = target.child;
  }
  if (target.child && target.service === "blob") {
    attributes[`Resource ${CONTAINERS}:name`] = target.child;
  }
  if (target.suboperation === "Blob.List") {
    attributes[`Request ${BLOBS}:prefix`] = query("prefix") || "";
  }
  return target.blob ? { ...attributes, ...ofBlob(target.blob, header, query) } : attributes;
}

/**
 * How the names of those attributes begin that an operation may have and that are not known when it is decided: the
 * tags that a blob has, and those in the body of Set Blob Tags. What asks for them cannot be evaluated.
 */
function unknownOf(operation) {
  return [`Resource ${BLOBS}/tags`, ...(operation === "Blob_SetTags" ? [`Request ${BLOBS}/tags`] : [])];
}

module.exports = { attributesOf, scopeOf, unknownOf };
