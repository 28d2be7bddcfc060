/*
 * Puts localcloud's accounts, keys and decisions into Azurite, of the one version whose insides are known here.
 *
 * It replaces the look-up of accounts (Azurite knows those of its environment only), the seed of user-delegation
 * keys (a public constant in Azurite, for all accounts), its answers to a path that cannot be decoded and to Put Block
 * From URL (500), its check of the source of copies, and the step that authenticates a request (which takes a token
 * with any signature).
 */
"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");
const crypto = require("node:crypto");
const path = require("node:path");

const { Authorization } = require("./authorization.cjs");
const { checkSource } = require("./copy_sources.cjs");
const { refusals } = require("./refusals.cjs");
const { standIn } = require("./stand_ins.cjs");
const { decideParts, readTables } = require("./table_batch.cjs");

const VERSION = "3.37.0";
const FACTORIES = {
  blob: "blob/middlewares/AuthenticationMiddlewareFactory.js",
  queue: "queue/middlewares/AuthenticationMiddlewareFactory.js",
  table: "table/middleware/AuthenticationMiddlewareFactory.js",
};

const CONTEXTS = {
  blob: "blob/middlewares/blobStorageContext.middleware.js",
  queue: "queue/middlewares/queueStorageContext.middleware.js",
  table: "table/middleware/tableStorageContext.middleware.js",
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

/** Runs a method whose last argument is a request's context so that `current` holds the request's account. */
function within(current, load, module, method) {
  const { prototype } = load(module).default;
  const original = prototype[method];
  prototype[method] = function (...given) {
    return current.run(given.at(-1).context.account, () => original.apply(this, given));
  };
}

/**
 * Gives each account a seed of its own. Azurite reads its one seed at each use, in two methods, and does not say for
 * which account; outside of these methods there is no account, so that nothing is signed or accepted.
 */
function replaceSeed(load, policy) {
  const current = new AsyncLocalStorage();
  within(current, load, "blob/handlers/ServiceHandler.js", "getUserDelegationKey");
  within(current, load, "blob/authentication/BlobSASAuthenticator.js", "validate");
  Object.defineProperty(load("blob/utils/constants.js"), "USERDELEGATIONKEY_SIGNING_SEED", {
    get: () => {
      const { accounts, delegationSeed } = policy.get();
      const { id } = accounts.get(current.getStore());
      return crypto.createHmac("sha256", delegationSeed).update(id.toLowerCase()).digest("hex");
    },
  });
}

/** Refuses a path that cannot be decoded, at which Azurite would break. */
function refuseUnreadable(load, service, { refuse }) {
  const Request = load(`${service}/generated/ExpressRequestAdapter.js`).default;
  const middleware = load(CONTEXTS[service]);
  const original = middleware.default;
  middleware.default = (...settings) => {
    const inner = original(...settings);
    return (request, response, next) => {
      try {
        decodeURIComponent(request.path);
      } catch {
        const context = { contextId: crypto.randomUUID(), request: new Request(request) };
        return next(refuse("InvalidUri", context));
      }
      return inner(request, response, next);
    };
  };
}

/**
 * Refuses Put Block From URL. Azurite reads the source by a request to itself, without x-ms-copy-source-authorization,
 * not from other accounts, and trusts only a certificate that has signed itself, which ours has not: it answers 500.
 */
function refuseBlocksFromUrls(load, { refuse }) {
  load("blob/handlers/BlockBlobHandler.js").default.prototype.stageBlockFromURL = async (...given) => {
    throw refuse("APINotImplemented", given.at(-1));
  };
}

function authorizationOf(load, service, policy) {
  const operations = load(`${service}/generated/artifacts/operation.js`);
  const StorageError = load(`${service}/errors/StorageError.js`).default;
  const names = operations.Operation || operations.default;
  return new Authorization(service, policy, names, refusals(StorageError));
}

const KINDS = {
  public: (name) => name === "PublicAccessAuthenticator",
  delegated: (name) => name === "BlobSASAuthenticator",
  signed: (name) => name !== "PublicAccessAuthenticator" && !name.endsWith("TokenAuthenticator"),
};
/** Azurite's authenticators by what they check: public containers, delegated SAS, and keys with what they sign. */

/** Whether one of Azurite's authenticators of a kind accepts a request. */
function accepts(authenticators, kind, request, context) {
  return authenticators
    .filter((each) => KINDS[kind](each.constructor.name))
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
  const { extractStoragePartsFromPath } = load(CONTEXTS.blob);
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
  standIn(program);
  const load = (module) => require(path.join(path.dirname(program), module));
  replaceAccounts(load, policy);
  replaceSeed(load, policy);
  const blobs = authorizationOf(load, "blob", policy);
  decideBlobs(load, blobs);
  refuseBlocksFromUrls(load, blobs);
  const queueContext = load("queue/utils/constants.js").DEFAULT_QUEUE_CONTEXT_PATH;
  const queues = authorizationOf(load, "queue", policy);
  decideOthers(load, "queue", queues, "queue/context/QueueStorageContext.js", queueContext);
  const tableContext = load("table/utils/constants.js").DEFAULT_TABLE_CONTEXT_PATH;
  const tables = authorizationOf(load, "table", policy);
  decideOthers(load, "table", tables, "table/context/TableStorageContext.js", tableContext);
  decideParts(load("table/batch/TableBatchOrchestrator.js").default, tables);
  const { extractStoragePartsFromPath } = load(CONTEXTS.table);
  readTables(load("table/batch/BatchSerialization.js").BatchSerialization, extractStoragePartsFromPath);
  for (const each of [blobs, queues, tables]) {
    refuseUnreadable(load, each.service, each);
  }
}

module.exports = { VERSION, checkVersion, install };
