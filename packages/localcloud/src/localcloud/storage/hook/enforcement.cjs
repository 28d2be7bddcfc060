/*
 * `node --require enforcement.cjs azurite.js …`: accounts, tokens, roles and conditions of LOCALCLOUD_STORAGE_POLICY.
 *
 * azurite.cjs says what it replaces, and authorization.cjs how a request is decided.
 */
"use strict";

const { install } = require("./azurite.cjs");
const { Policy } = require("./policy.cjs");

const file = process.env.LOCALCLOUD_STORAGE_POLICY;
if (!file) {
  throw new Error("LOCALCLOUD_STORAGE_POLICY is missing: set it to the file of accounts and roles.");
}
install(process.argv[1], new Policy(file));
