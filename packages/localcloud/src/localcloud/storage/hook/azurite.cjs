/*
 * Puts localcloud's accounts, keys and decisions into Azurite, of the one version whose insides are known here.
 *
 * It replaces the look-up of accounts (Azurite knows those of its environment only), the seed of user-delegation
 * keys (a public constant in Azurite), its check of the source of copies, and the step that authenticates a request
 * (which takes a token with any signature).
 */
"use strict";

const path = require("node:path");

const { Authorization } = require("./authorization.cjs");
const { checkSource } = require("./copy_sources.cjs");
const { refusals } = require("./refusals.cjs");
const { decideParts, readTables } = require("./table_batch.cjs");

const VERSION = "3.37.0";
const FACTORIES = {
  blob: "blob/middlewares/AuthenticationMiddlewareFactory.js",
  queue: "queue/middlewares/AuthenticationMiddlewareFactory.js",
  table: "table/middleware/AuthenticationMiddlewareFactory.js",
};

/** Throws unless the Azurite whose program is `program` is the one that this folder knows. */
function checkVersion(program) {
  const described = path.join(path.dirname(program), "..", "..", "package.json");
  const { version } = require(described);
  if (version !== VERSION) {
    throw new Error(
      `localcloud needs azurite ${VERSION} and found ${version} (${described}):` +
        ` run \`npm install azurite@${VERSION}\`.`,
    );
  }
}

function replaceAccounts(load, policy) {
  const AccountDataStore = load("common/AccountDataStore.js").default;
  AccountDataStore.prototype.getAccount = (name) => {
    const account = policy.get().accounts.get(name);
    const [key1, key2] = account ? account.keys.map((key) => Buffer.from(key, "base64")) : [];
    return account && { name, key1, key2 };
  };
  AccountDataStore.prototype.refresh = () => {};
}

/** Azurite reads its seed at each use, so that it may change with the policy. */
function replaceSeed(load, policy) {
  Object.defineProperty(load("blob/utils/constants.js"), "USERDELEGATIONKEY_SIGNING_SEED", {
    get: () => policy.get().delegationSeed,
  });
}

function authorizationOf(load, service, policy) {
  const operations = load(`${service}/generated/artifacts/operation.js`);
  const StorageError = load(`${service}/errors/StorageError.js`).default;
  const names = operations.Operation || operations.default;
  return new Authorization(service, policy, names, refusals(StorageError));
}

/** Which of Azurite's authenticators accept a request: those of keys and SAS, or that of public containers. */
function accepts(authenticators, kind, request, context) {
  const isPublic = (each) => each.constructor.name === "PublicAccessAuthenticator";
  const isToken = (each) => each.constructor.name.endsWith("TokenAuthenticator");
  return authenticators
    .filter((each) => !isToken(each) && isPublic(each) === (kind === "public"))
    .reduce(async (before, each) => (await before) || (await each.validate(request, context)) === true, false);
}

/** What a decision asks Azurite: whether one of its authenticators accepts a request, and whether a blob is there. */
function toolsOf(authenticators) {
  const { blobMetadataStore } = authenticators.find((each) => each.blobMetadataStore) || {};
  return {
    accepts: (kind, request, context) => accepts(authenticators, kind, request, context),
    exists: async ({ account, child, blob }) => {
      const found = await blobMetadataStore.getBlobType(account.name, child, blob);
      return found !== undefined && found.isCommitted !== false;
    },
  };
}

function decideBlobs(load, authorization) {
  const Context = load("blob/context/BlobStorageContext.js").default;
  const { extractStoragePartsFromPath } = load("blob/middlewares/blobStorageContext.middleware.js");
  const azurite = {
    partsOf: (host, place) => extractStoragePartsFromPath(host, place, false),
    context: (place) => new Context({ context: place }),
    download: authorization.names.Blob_Download,
  };
  load(FACTORIES.blob).default.prototype.authenticate = (context, request, _, authenticators) => {
    const tools = toolsOf(authenticators);
    return authorization.authorize(context, request, {
      ...tools,
      source: (credential) => checkSource(authorization, azurite, context, request, credential, tools),
    });
  };
  load("blob/handlers/BlobHandler.js").default.prototype.validateCopySource = async () => {};
}

function decideOthers(load, service, authorization, contextClass, contextPath) {
  const Context = load(contextClass).default;
  const Request = load(`${service}/generated/ExpressRequestAdapter.js`).default;
  load(FACTORIES[service]).default.prototype.authenticate = (request, response, authenticators) => {
    const [context, read] = [new Context(response.locals, contextPath), new Request(request)];
    // A new context forgets the request, whose Accept decides between JSON and XML.
    context.request = read;
    return authorization.authorize(context, read, toolsOf(authenticators));
  };
}

/** Puts `policy` into the Azurite whose program is `program`. */
function install(program, policy) {
  checkVersion(program);
  const load = (module) => require(path.join(path.dirname(program), module));
  replaceAccounts(load, policy);
  replaceSeed(load, policy);
  decideBlobs(load, authorizationOf(load, "blob", policy));
  const queueContext = load("queue/utils/constants.js").DEFAULT_QUEUE_CONTEXT_PATH;
  const queues = authorizationOf(load, "queue", policy);
  decideOthers(load, "queue", queues, "queue/context/QueueStorageContext.js", queueContext);
  const tableContext = load("table/utils/constants.js").DEFAULT_TABLE_CONTEXT_PATH;
  const tables = authorizationOf(load, "table", policy);
  decideOthers(load, "table", tables, "table/context/TableStorageContext.js", tableContext);
  decideParts(load("table/batch/TableBatchOrchestrator.js").default, tables);
  const { extractStoragePartsFromPath } = load("table/middleware/tableStorageContext.middleware.js");
  readTables(load("table/batch/BatchSerialization.js").BatchSerialization, extractStoragePartsFromPath);
}

module.exports = { VERSION, checkVersion, install };
