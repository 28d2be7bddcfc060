/* Evaluates what storage's hook evaluates: one JSON question a line, one JSON answer a line. */
"use strict";

const path = require("node:path");
const readline = require("node:readline");

const hook = process.argv[2];
const { access } = require(path.join(hook, "access.cjs"));
const { compile } = require(path.join(hook, "conditions.cjs"));
const { covers, pattern } = require(path.join(hook, "patterns.cjs"));

const ANSWERS = {
  condition: ({ term, call }) => compile(term)(call),
  access: ({ held, call }) => access(held)(call),
  covers: ({ scope, target }) => covers(scope, target),
  matches: ({ given, operation }) => pattern(given).test(operation),
};

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { kind, ...question } = JSON.parse(line);
  process.stdout.write(JSON.stringify(ANSWERS[kind](question)) + "\n");
});
