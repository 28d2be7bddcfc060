/*
 * Checks bearer tokens as storage does. The words of a failure are those that storage answers in
 * AuthenticationErrorDetail (azure-docs#11564, AzureStor#119).
 */
"use strict";

const crypto = require("node:crypto");

class TokenError extends Error {}

function decoded(part) {
  return JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
}

function parsed(token) {
  const parts = token.split(".");
  try {
    if (parts.length === 3) {
      return { header: decoded(parts[0]), claims: decoded(parts[1]), parts };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
  }
  throw new TokenError("Signature validation failed. The token is not a signed JSON web token.");
}

function isSigned(keys, { header, parts }) {
  if (header === null || header.alg !== "RS256") {
    return false;
  }
  const signature = Buffer.from(parts[2], "base64url");
  return keys.some((key) => crypto.verify("RSA-SHA256", Buffer.from(`${parts[0]}.${parts[1]}`), key, signature));
}

function audiences(suffix, account, service) {
  const urls = ["https://storage.azure.com", `https://${account}.${service}.core.${suffix}`];
  return urls.flatMap((url) => [url, `${url}/`]);
}

/** The claims of a token for this service of this account. Throws TokenError. */
function claimsOf(token, policy, account, service) {
  const found = parsed(token);
  if (!isSigned(policy.issuerKeys, found)) {
    throw new TokenError("Signature validation failed. Signature verification failed.");
  }
  const { claims } = found;
  if (!claims.iss || claims.iss !== policy.issuer) {
    throw new TokenError("Issuer validation failed. Issuer did not match.");
  }
  if (!audiences(policy.suffix, account, service).includes(claims.aud)) {
    throw new TokenError("Audience validation failed. Audience did not match.");
  }
  const now = Date.now() / 1000;
  if (typeof claims.exp !== "number" || now >= claims.exp) {
    throw new TokenError("Lifetime validation failed. The token is expired.");
  }
  if (typeof claims.nbf !== "number" || now < claims.nbf) {
    throw new TokenError("Lifetime validation failed. The token is not yet valid.");
  }
  if (typeof claims.oid !== "string") {
    throw new TokenError("The token names no principal: its claim oid is missing.");
  }
  return claims;
}

module.exports = { TokenError, claimsOf };
