/*
 * Empty stand-ins for packages that Azurite loads and does not use here. They were two thirds of the time of its start,
 * and a third of its memory.
 *
 * `applicationinsights` sends telemetry, which is turned off (common/Telemetry.js). `sequelize` is for blobs that
 * AZURITE_DB puts into a database (blob/BlobServerFactory.js); without it, only its class Model is used, as the base of
 * classes that are never made.
 */
"use strict";

const Module = require("node:module");

/** Lets `require(name)` in Azurite, whose program is `program`, return `exports`. */
function replace(program, name, exports) {
  const file = Module.createRequire(program).resolve(name);
  const module = new Module(file);
  module.filename = file;
  module.exports = exports;
  module.loaded = true;
  require.cache[file] = module;
}

/** To be called before any of Azurite's modules is loaded. `program` is Azurite's. */
function standIn(program) {
  replace(program, "applicationinsights", {});
  if (process.env.AZURITE_DB === undefined) {
    replace(program, "sequelize", { Model: class {} });
  }
}

module.exports = { standIn };
