/*
 * Patterns of operations and scopes, as localcloud/access/operations.py and scopes.py read them.
 *
 * The Python modules name Azure's documents. Both sides run the same cases (tests: access/cases).
 */
"use strict";

/** Whether an operation fits a role's pattern: `*` is any text, `/*\/` also a single slash. */
function fits(parts, operation) {
  const text = operation.toLowerCase();
  let ends = new Set([0]);
  for (const part of parts) {
    ends = endsOf(part, text, ends);
  }
  return ends.has(text.length);
}

/** Where a part of a pattern may end that begins at one of `starts`; all places at once, as in operations.py. */
function endsOf(part, text, starts) {
  const units = text.split("");
  const from = (first, kept) => new Set(units.flatMap((each, at) => (at >= first && kept(each) ? [at + 1] : [])));
  if (part === "*") {
    const first = Math.min(...starts);
    return starts.size ? from(first, () => true).add(first) : starts;
  }
  if (part === "/*/") {
    return from(Math.min(text.length, ...[...starts].filter((start) => text[start] === "/")), (each) => each === "/");
  }
  return new Set([...starts].filter((start) => text.startsWith(part, start)).map((start) => start + part.length));
}

/** What tests operations by a role's pattern. */
function pattern(text) {
  const parts = text.toLowerCase().split(/(\/\*\/|\*)/).filter(Boolean);
  return { test: (operation) => fits(parts, operation) };
}

function plain(scope) {
  return scope.replace(/\/+$/, "").toLowerCase();
}

/** Whether what is assigned on `scope` holds on `target`: the scope itself, or something below it. */
function covers(scope, target) {
  return `${plain(target)}/`.startsWith(`${plain(scope)}/`);
}

module.exports = { covers, pattern, plain };
