/*
 * Decides each part of an entity group transaction before any of them is done.
 *
 * Source: "Permissions for Table service operations": the transaction is authorized for each of its operations.
 */
"use strict";

const OPERATIONS = {
  POST: "Table_InsertEntity",
  PUT: "Table_UpdateEntity",
  DELETE: "Table_DeleteEntity",
  GET: "Table_QueryEntities",
};

const BY_KEY = ["key", "keySas"];
/** Credentials that hold no roles: Azurite has decided about the whole transaction by what the key signed. */

/** One operation of a transaction as `Authorization.check` reads a request. */
function part(request) {
  return { getHeader: (name) => request.getHeader(name) || undefined, getQuery: () => undefined };
}

/** Lets parts name their table by URLs with the account in the host; Azurite knows those with it in the path. */
function readTables(BatchSerialization, partsOf) {
  BatchSerialization.prototype.extractPath = (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const [, place] = url ? partsOf(url.hostname, url.pathname, false) : [];
    return /^\w+/.test(place || "") ? [text, place.match(/^\w+/)[0]] : null;
  };
}

/** Makes Azurite's orchestrator of transactions check each part as its caller. */
function decideParts(TableBatchOrchestrator, authorization) {
  const submit = TableBatchOrchestrator.prototype.submitRequestsToHandlers;
  TableBatchOrchestrator.prototype.submitRequestsToHandlers = async function () {
    const { localcloudCaller: caller, localcloudCredential: credential } = this.context.context;
    const requests = BY_KEY.includes(credential) ? [] : this.repository.getBatchRequests();
    for (const [index, request] of requests.entries()) {
      try {
        const policy = authorization.policy.get();
        const operation = OPERATIONS[request.getMethod()] || "Table_MergeEntity";
        const target = { ...authorization.target(this.context, policy, operation), child: request.getPath() };
        await authorization.check(this.context, part(request), policy, target, caller);
      } catch (error) {
        this.wasError = true;
        this.errorResponse = this.serialization.serializeError(error, index + 1, request);
        return;
      }
    }
    await submit.call(this);
  };
}

module.exports = { decideParts, readTables };
