/*
 * Evaluates conditions of role assignments, which localcloud/access/conditions has read and policy.py has written.
 *
 * A term is met (true), not met (false), or cannot be evaluated (null), as in terms.py and operators.py.
 * `compile` makes a function of a term once, so that a request costs no reading.
 */
"use strict";

const { pattern } = require("./patterns.cjs");

const DATE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?Z$/;
const QUANTIFIERS = {
  foranyofanyvalues: ["some", "some"],
  forallofanyvalues: ["every", "some"],
  foranyofallvalues: ["some", "every"],
  forallofallvalues: ["every", "every"],
};

class CannotCompareError extends Error {}

function text(value) {
  if (typeof value !== "string") {
    throw new CannotCompareError();
  }
  return value;
}

function boolean(value) {
  if (typeof value !== "boolean") {
    throw new CannotCompareError();
  }
  return value;
}

/** A moment with all seven digits of its fraction, so that moments compare as texts. */
function date(value) {
  const found = DATE.exec(text(value));
  if (!found) {
    throw new CannotCompareError();
  }
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number);
  const real = new Date(Date.UTC(year, month - 1, day));
  const exists = real.getUTCMonth() === month - 1 && real.getUTCDate() === day;
  if (!exists || hour > 23 || minute > 59 || second > 59) {
    throw new CannotCompareError();
  }
  return `${value.slice(0, 19)}.${(found[7] || "").padEnd(7, "0")}`;
}

function guid(value) {
  const digits = text(value).replace(/urn:|uuid:/g, "").replace(/^[{}]+|[{}]+$/g, "").replaceAll("-", "");
  if (!/^[0-9a-f]{32}$/i.test(digits)) {
    throw new CannotCompareError();
  }
  return digits.toLowerCase();
}

/**
 * `*` is any text and `?` any one character; a backslash makes one of them plain. All places where a part may end
 * are followed at once, as in patterns.cjs.
 */
function like(value, wildcards) {
  const text = Array.from(value);
  let ends = [0];
  for (const part of wildcards.match(/\\[*?]|./gsu) || []) {
    if (part === "*") {
      ends = ends.length ? Array.from({ length: text.length + 1 - ends[0] }, (_, at) => ends[0] + at) : [];
    } else {
      const plain = Array.from(part).at(-1);
      ends = ends.filter((at) => at < text.length && (part === "?" || text[at] === plain)).map((at) => at + 1);
    }
  }
  return ends.at(-1) === text.length;
}

const READERS = { string: text, bool: boolean, guid, datetime: date };
const TESTS = {
  equals: (left, right) => left === right,
  startswith: (left, right) => left.startsWith(right),
  like,
  greaterthan: (left, right) => left > right,
  greaterthanequals: (left, right) => left >= right,
  lessthan: (left, right) => left < right,
  lessthanequals: (left, right) => left <= right,
};
const NAME = /^(string|bool|guid|datetime)(not)?([a-z]+?)(ignorecase)?$/;

/** How two lists of values compare by the operator of this name: true, false, or null if they cannot. */
function operator(name) {
  const [base, quantifier] = name.toLowerCase().split(":").reverse();
  const [, kind, not, test, ignored] = NAME.exec(base) || [];
  if (!TESTS[test] || (quantifier !== undefined && !QUANTIFIERS[quantifier])) {
    throw new Error(`the operator ${name} is not known`);
  }
  const read = ignored ? (value) => text(value).toLowerCase() : READERS[kind];
  const one = (left, right) => TESTS[test](left, right) !== Boolean(not);
  return (left, right) => {
    let lefts, rights;
    try {
      [lefts, rights] = [left.map(read), right.map(read)];
    } catch (error) {
      if (error instanceof CannotCompareError) {
        return null;
      }
      throw error;
    }
    if (quantifier === undefined) {
      return lefts.length === 1 && rights.length === 1 ? one(lefts[0], rights[0]) : null;
    }
    const [ofLeft, ofRight] = QUANTIFIERS[quantifier];
    return lefts[ofLeft]((each) => rights[ofRight]((other) => one(each, other)));
  };
}

/** The values of an attribute, `Source name`, of a call: none if it does not exist, null if that is not known. */
function valuesOf(call, attribute) {
  const value = call.attributes[attribute];
  if (call.unknown?.some((each) => attribute.startsWith(each))) {
    return null;
  }
  if (value === undefined) {
    return [];
  }
  return Array.isArray(value) ? value : [value];
}

function operand(given) {
  return given.attribute === undefined ? () => given.values : (call) => valuesOf(call, given.attribute);
}

const TERMS = {
  action: (given) => {
    const matches = pattern(given);
    return (call) => matches.test(call.operation);
  },
  suboperation: (given) => {
    const matches = pattern(given);
    return (call) => matches.test(call.suboperation || "");
  },
  exists: (given) => (call) => {
    const values = valuesOf(call, given);
    return values && values.length > 0;
  },
  compare: (given) => {
    const [left, holds, right] = [operand(given.left), operator(given.operator), operand(given.right)];
    return (call) => {
      const [lefts, rights] = [left(call), right(call)];
      return lefts?.length && rights?.length ? holds(lefts, rights) : null;
    };
  },
  not: (given) => {
    const term = compile(given);
    return (call) => {
      const found = term(call);
      return found === null ? null : !found;
    };
  },
  and: (given) => chain(given, false),
  or: (given) => chain(given, true),
};

/** The chain's result is `decisive` if a term's is; else null if a term's is; else the opposite. */
function chain(given, decisive) {
  const terms = given.map(compile);
  return (call) => {
    const found = terms.map((term) => term(call));
    return found.includes(decisive) ? decisive : found.includes(null) ? null : !decisive;
  };
}

/** A function of a call that evaluates a term: `{"and": [terms]}`, `{"exists": attribute}`, … */
function compile(term) {
  const [[kind, given], ...more] = Object.entries(term);
  if (more.length || !Object.hasOwn(TERMS, kind)) {
    throw new Error(`a term of a condition is not known: ${JSON.stringify(term).slice(0, 200)}`);
  }
  return TERMS[kind](given);
}

module.exports = { compile };
