/*
 * Decides whether a principal may do an operation, as localcloud/access/decisions.py does.
 *
 * A call is {principal, operation, scope, isData, suboperation, attributes}.
 */
"use strict";

const { compile } = require("./conditions.cjs");
const { covers, pattern } = require("./patterns.cjs");

function anyOf(patterns) {
  const expressions = (patterns || []).map(pattern);
  return (operation) => expressions.some((each) => each.test(operation));
}

/** A function that tells whether one permission, held on a scope, allows a call. */
function permission(held) {
  const [actions, notActions] = [anyOf(held.actions), anyOf(held.notActions)];
  const [dataActions, notDataActions] = [anyOf(held.dataActions), anyOf(held.notDataActions)];
  const condition = held.condition ? compile(held.condition) : () => true;
  return (call) => {
    const [granted, excluded] = call.isData ? [dataActions, notDataActions] : [actions, notActions];
    return (
      covers(held.scope, call.scope) &&
      granted(call.operation) &&
      !excluded(call.operation) &&
      condition(call) === true
    );
  };
}

/** What each principal holds, as functions of a call. `held` is the policy's: lists by principal. */
function access(held) {
  const permissions = new Map(
    Object.entries(held).map(([principal, each]) => [principal.toLowerCase(), each.map(permission)]),
  );
  return (call) => (permissions.get(call.principal.toLowerCase()) || []).some((allows) => allows(call));
}

module.exports = { access };
