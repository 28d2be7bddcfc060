/*
 * A copy needs read on its source ("Copy Blob", "Copy Blob From URL", section "Authorization").
 *
 * A source is authorized by its own SAS, by x-ms-copy-source-authorization, or, in the same account, by the
 * credential of the copy if that is a token or key. Azurite would check the SAS of another account alone.
 */
"use strict";

const IN_PROCESS = ["Blob_StartCopyFromURL", "Blob_CopyFromURL", "PageBlob_CopyIncremental"];
/** The copies that Azurite does. It answers others with 501, and so does azurite.cjs for it (Put Block From URL). */

function isOfThisCloud(url, request, policy) {
  return url.host === request.getHeader("host") || url.hostname.endsWith(`.blob.core.${policy.suffix}`);
}

/** The account, container and blob of a copy's source. Throws InvalidHeaderValue for a URL that cannot be read. */
function placeOf(azurite, url, refuse) {
  try {
    return azurite.partsOf(url.hostname, url.pathname);
  } catch (error) {
    throw error instanceof URIError ? refuse("InvalidHeaderValue") : error;
  }
}

/** The request for the source's bytes that a copy stands for. */
function readOf(url, authorization, request) {
  const headers = { authorization, "x-ms-version": request.getHeader("x-ms-version") };
  return {
    getHeader: (name) => headers[name.toLowerCase()],
    getQuery: (name) => url.searchParams.get(name) ?? undefined,
    getMethod: () => "GET",
    getProtocol: () => "https",
  };
}

/** The credential for a source without SAS: its own, or that of a copy in one account. */
function authorizationFor(request, credential, isSameAccount) {
  const own = request.getHeader("x-ms-copy-source-authorization");
  return own === undefined && isSameAccount && credential === "token" ? request.getHeader("authorization") : own;
}

/** Throws CannotVerifyCopySource unless the source of a copy may be read. `azurite`: see azurite.cjs. */
async function checkSource(authorization, azurite, context, request, credential, tools) {
  const source = request.getHeader("x-ms-copy-source");
  if (source === undefined || !IN_PROCESS.includes(authorization.names[context.operation])) {
    return;
  }
  const url = URL.canParse(source) ? new URL(source) : undefined;
  if (url === undefined) {
    throw authorization.refuse("InvalidHeaderValue", context);
  }
  if (!isOfThisCloud(url, request, authorization.policy.get())) {
    throw authorization.refuse("CannotVerifyCopySource", context, { status: 404 });
  }
  const refuse = (code) => authorization.refuse(code, context);
  const [account, container, blob] = placeOf(azurite, url, refuse);
  const isSameAccount = account === context.context.account;
  if (isSameAccount && credential === "key" && url.searchParams.get("sig") === null) {
    return;
  }
  const read = readOf(url, authorizationFor(request, credential, isSameAccount), request);
  const place = { account, container, blob, operation: azurite.download, contextID: context.contextId, loose: true };
  try {
    await authorization.authorize(azurite.context(place), read, tools);
  } catch (error) {
    const status = error.statusCode;
    throw status ? authorization.refuse("CannotVerifyCopySource", context, { status }) : error;
  }
}

module.exports = { checkSource };
