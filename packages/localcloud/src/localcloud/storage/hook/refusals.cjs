/*
 * Storage's own refusals, as errors that Azurite answers in its service's form (XML, or OData's JSON for tables).
 *
 * Sources: "Common REST API error codes"; the header of a 401: "Authorize with Microsoft Entra ID", section "Use a
 * bearer challenge".
 */
"use strict";

const MESSAGES = {
  APINotImplemented: [501, "localcloud does not imitate this operation: Put Block From URL. Send the bytes by Put Block."],
  AuthenticationFailed: [
    403,
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly" +
      " including the signature.",
  ],
  AuthorizationPermissionMismatch: [
    403,
    "This request is not authorized to perform this operation using this permission.",
  ],
  CannotVerifyCopySource: [403, "This request is not authorized to read the copy source."],
  InvalidAuthenticationInfo: [
    401,
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
  ],
  InvalidHeaderValue: [400, "The value for one of the HTTP headers is not in the correct format."],
  InvalidUri: [400, "The requested URI does not represent any resource on the server."],
  KeyBasedAuthenticationNotPermitted: [403, "Key based authentication is not permitted on this storage account."],
  NoAuthenticationInformation: [
    401,
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
  ],
  PublicAccessNotPermitted: [409, "Public access is not permitted on this storage account."],
  ResourceNotFound: [404, "The specified resource does not exist."],
};

/** Makes refusals for one service, of Azurite's class for its errors. */
function refusals(StorageError) {
  return (code, context, { detail, challenge, status } = {}) => {
    const [usual, message] = MESSAGES[code];
    const more = detail ? { AuthenticationErrorDetail: detail } : {};
    const id = context.contextId || context.contextID;
    const error = new StorageError(status || usual, code, message, id, more, context);
    if ((status || usual) === 401 && challenge) {
      error.headers["WWW-Authenticate"] = challenge;
    }
    return error;
  };
}

module.exports = { refusals };
