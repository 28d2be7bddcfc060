/*
 * Journals every finished change of a blob, from inside the Azurite process: `node --require writes.cjs azurite`.
 *
 * It stands on Node's documented diagnostics channel and on the storage protocol alone, not on Azurite's
 * insides. A change is on disk before its answer is sent, so every blob that a client has created gets its event,
 * even when Azurite is killed a moment later. Azurite's own debug log cannot serve: it prints names and
 * bodies as they are, so a blob's name can contain a whole forged log entry, and it keeps bearer tokens.
 *
 * One JSON object per line, without credentials; see journal.py, which reads it. A segment is closed for
 * good when it is full or the process ends, so the reader may delete every segment but the last.
 */
"use strict";

const { subscribe } = require("node:diagnostics_channel");
const fs = require("node:fs");
const path = require("node:path");

const SEGMENT_BYTES = Number(process.env.LOCALCLOUD_WRITES_SEGMENT_BYTES || 1 << 20);
const REQUEST_HEADERS = [
  "content-length",
  "content-type",
  "x-ms-access-tier",
  "x-ms-blob-content-length",
  "x-ms-blob-content-type",
  "x-ms-blob-type",
  "x-ms-client-request-id",
  "x-ms-delete-snapshots",
];
const RESPONSE_HEADERS = ["etag", "x-ms-copy-status", "x-ms-request-id"];

const folder = process.env.LOCALCLOUD_WRITES;
if (!folder) {
  throw new Error("LOCALCLOUD_WRITES is missing: set it to the folder for the journal of blob writes.");
}

class Segments {
  constructor() {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const kept = fs.readdirSync(folder).map((name) => parseInt(name, 10));
    this.last = Math.max(0, ...kept.filter(Number.isInteger));
    this.file = null;
  }

  append(line) {
    if (this.file === null || this.size >= SEGMENT_BYTES) {
      this.next();
    }
    this.size += fs.writeSync(this.file, line);
  }

  next() {
    if (this.file !== null) {
      fs.closeSync(this.file);
    }
    // Named by time, so that numbers go up even after someone has emptied the folder.
    this.last = Math.max(Date.now(), this.last + 1);
    this.file = fs.openSync(path.join(folder, String(this.last).padStart(16, "0") + ".jsonl"), "ax", 0o600);
    this.size = 0;
  }
}

const segments = new Segments();

function chosen(names, value) {
  return Object.fromEntries(names.map((name) => [name, value(name)]).filter(([, found]) => found !== undefined));
}

function entry(request, target, port, response) {
  const [, location, query] = /^(?:https?:\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?/i.exec(target);
  const parameters = new URLSearchParams(query);
  return {
    time: new Date().toISOString(),
    port,
    method: request.method,
    host: request.headers.host,
    path: location,
    comp: parameters.get("comp"),
    snapshot: parameters.get("snapshot"),
    copy: "x-ms-copy-source" in request.headers,
    status: response.statusCode,
    request: chosen(REQUEST_HEADERS, (name) => request.headers[name]),
    response: chosen(RESPONSE_HEADERS, (name) => response.getHeader(name)),
  };
}

subscribe("http.server.request.start", ({ request, response, socket }) => {
  if (request.method !== "PUT" && request.method !== "DELETE") {
    return;
  }
  const target = request.url;
  const port = socket.localPort;
  const end = response.end;
  response.end = function (...body) {
    response.end = end;
    const changed = request.method === "DELETE" || response.hasHeader("etag");
    if (changed && response.statusCode >= 200 && response.statusCode < 300) {
      try {
        segments.append(JSON.stringify(entry(request, target, port, response)) + "\n");
      } catch (error) {
        // The write itself has happened and must be answered; the next start of the cloud finds it by listing.
        console.error(`localcloud: a write was not journaled: ${error.stack}`);
      }
    }
    return end.apply(this, body);
  };
});
