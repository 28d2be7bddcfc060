/*
 * Patterns of operations and scopes, as localcloud/access/operations.py and scopes.py read them.
 *
 * The Python modules name Azure's documents. Both sides run the same cases (tests: access/cases).
 */
"use strict";

/** An expression that matches the operations of a role's pattern: `*` is any text, `/*\/` also a single slash. */
function pattern(text) {
  const escaped = text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const body = escaped.replaceAll("\\/\\*\\/", "\\/(?:.*\\/)?").replaceAll("\\*", ".*");
  return new RegExp(`^(?:${body})$`, "is");
}

function plain(scope) {
  return scope.replace(/\/+$/, "").toLowerCase();
}

/** Whether what is assigned on `scope` holds on `target`: the scope itself, or something below it. */
function covers(scope, target) {
  return `${plain(target)}/`.startsWith(`${plain(scope)}/`);
}

module.exports = { covers, pattern, plain };
