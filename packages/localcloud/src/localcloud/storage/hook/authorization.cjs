/*
 * Decides each request between Azurite's reading of it and its doing of it.
 *
 * Azurite has then named account, operation, container and blob, so what is decided is what will be done, however
 * the request was written. Azurite's own authenticators still check signatures of keys and of SAS.
 */
"use strict";

const { attributesOf, scopeOf, unknownOf } = require("./calls.cjs");
const { needOf, suboperationOf } = require("./operations.cjs");
const { TokenError, claimsOf } = require("./tokens.cjs");

const ENTRA_FIRST_VERSION = "2017-11-09";
const PUBLISHING = ["Container_Create", "Container_SetAccessPolicy"];
const DELEGATION = ["sr", "skoid", "sktid", "skt", "ske", "sks", "skv"];
/** The fields that a user-delegation SAS has ("Create a user delegation SAS"); Azurite checks what they say. */

function isDelegated(service, request) {
  const fields = DELEGATION.map((name) => request.getQuery(name));
  return service === "blob" && fields.every((each) => typeof each === "string" && each !== "");
}

/**
 * What authenticates a request: a token, a key, a SAS by a key or by a user, or nothing. A SAS is by a user only if
 * it cannot be by a key: a key's signature does not cover `skoid`, so anybody could add it.
 */
function credentialOf(service, request) {
  const header = request.getHeader("authorization");
  if (header !== undefined) {
    const [scheme] = header.split(" ", 1);
    return /^bearer$/i.test(scheme) ? "token" : /^sharedkey(lite)?$/i.test(scheme) ? "key" : "other";
  }
  if (request.getQuery("sig") === undefined) {
    return "nothing";
  }
  return isDelegated(service, request) ? "userSas" : "keySas";
}

/** Whether a request is of this version or a later one. A part of a batch has that of the batch. */
function isOfVersion(request, first) {
  const version = request.getHeader("x-ms-version");
  return version === undefined ? request.constructor.name === "BlobBatchSubRequest" : version >= first;
}

/** Decides for one service. `names` are Azurite's operations by number; `refuse` makes its service's errors. */
class Authorization {
  constructor(service, policy, names, refuse) {
    Object.assign(this, { service, policy, names, refuse });
  }

  /** What a request is about: account, service, child (container, queue or table), blob, and operation. */
  target(context, policy, operation = this.names[context.operation]) {
    const raw = context.context;
    const name = raw.account;
    const account = policy.accounts.get(name);
    if (account === undefined) {
      throw this.refuse("ResourceNotFound", context);
    }
    const isOfService = operation.startsWith("Service_") || /^Table_(Query|Create)$/.test(operation);
    const child = isOfService ? undefined : raw.container || raw.queue || raw.tableName;
    return { account: { ...account, name }, service: this.service, child, blob: raw.blob, operation };
  }

  /**
   * Whether a request may be done: true, or the refusal is thrown.
   *
   * `tools.accepts` runs Azurite's authenticators of one kind; `tools.exists` tells whether a blob is there; `tools.source`, if
   * there is one, checks the source of a copy.
   */
  async authorize(context, request, tools) {
    const credential = credentialOf(this.service, request);
    context.context.localcloudCredential = credential;
    await this.authenticated(context, request, credential, tools);
    this.checkPublicAccess(context, request);
    await tools.source?.(credential);
    return true;
  }

  async authenticated(context, request, credential, tools) {
    const policy = this.policy.get();
    const target = this.target(context, policy);
    const { challenge } = policy;
    switch (credential) {
      case "token":
        context.context.localcloudCaller = this.caller(context, request, policy, target.account.name);
        return this.check(context, request, policy, target, context.context.localcloudCaller, tools);
      case "key":
      case "keySas":
        if (!target.account.allowSharedKeyAccess) {
          throw this.refuse("KeyBasedAuthenticationNotPermitted", context);
        }
        return this.signed("signed", context, request, tools);
      case "userSas":
        await this.signed("delegated", context, request, tools);
        if (request.getQuery("skoid") === policy.platform) {
          // The platform acts by tokens only, so a signature in its name is not its own.
          throw this.refuse("AuthenticationFailed", context);
        }
        return this.check(context, request, policy, target, request.getQuery("skoid"), tools);
      case "nothing":
        if (target.account.allowBlobPublicAccess && (await tools.accepts("public", request, context))) {
          return;
        }
        throw this.refuse("NoAuthenticationInformation", context, { challenge });
      default:
        throw this.refuse("InvalidAuthenticationInfo", context, { challenge, status: 400 });
    }
  }

  /**
   * Throws 403 unless Azurite accepts a request's key or SAS: "signed" by a key, or "delegated". Azurite has its own
   * name for a bad or expired one, and breaks where a field cannot be decoded.
   */
  async signed(kind, context, request, tools) {
    let isAccepted = false;
    try {
      isAccepted = await tools.accepts(kind, request, context);
    } catch (error) {
      if (!(error instanceof URIError) && error.storageErrorCode !== "AuthorizationFailure") {
        throw error;
      }
    }
    if (!isAccepted) {
      throw this.refuse("AuthenticationFailed", context);
    }
  }

  /** Throws 409 for a container that anybody may read, in an account that has none ("Prevent anonymous access"). */
  checkPublicAccess(context, request) {
    const { account, operation } = this.target(context, this.policy.get());
    const asks = PUBLISHING.includes(operation) && request.getHeader("x-ms-blob-public-access") !== undefined;
    if (asks && !account.allowBlobPublicAccess) {
      throw this.refuse("PublicAccessNotPermitted", context);
    }
  }

  /** The principal of a request's token. Throws 401 if the token is not good here. */
  caller(context, request, policy, account) {
    if (!isOfVersion(request, ENTRA_FIRST_VERSION)) {
      const detail = "Authentication scheme Bearer is not supported in this version.";
      throw this.refuse("AuthenticationFailed", context, { detail });
    }
    try {
      const token = request.getHeader("authorization").split(" ", 2)[1] || "";
      return claimsOf(token, policy, account, this.service).oid;
    } catch (error) {
      if (error instanceof TokenError) {
        const { challenge } = policy;
        throw this.refuse("InvalidAuthenticationInfo", context, { detail: error.message, challenge });
      }
      throw error;
    }
  }

  /** Throws 403 unless the principal may do what the request asks for. */
  async check(context, request, policy, target, principal, tools) {
    if (!(await this.may(request, policy, target, principal, tools))) {
      throw this.refuse("AuthorizationPermissionMismatch", context);
    }
  }

  async may(request, policy, target, principal, tools) {
    if (policy.platform && principal === policy.platform) {
      return true;
    }
    const header = (name) => request.getHeader(name);
    const query = (name) => request.getQuery(name);
    const suboperation = suboperationOf(this.service, target.operation, header);
    const scope = scopeOf(target.account, this.service, target.child);
    const attributes = attributesOf({ ...target, suboperation }, header, query);
    const unknown = unknownOf(target.operation);
    const holds = ({ name, isData }) => {
      const operation = `Microsoft.Storage/storageAccounts/${name}`;
      return policy.allows({ principal, operation, scope, isData, suboperation, attributes, unknown });
    };
    for (const rights of needOf(this.service, target.operation, header, query) || []) {
      const needsNew = rights.some((each) => each.onlyNew);
      if (rights.every(holds) && !(needsNew && (await tools.exists(target)))) {
        return true;
      }
    }
    return false;
  }
}

module.exports = { Authorization };
