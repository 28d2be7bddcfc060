/*
 * The CONNECT proxy of one localcloud: `node --require proxy.cjs azurite`.
 *
 * LOCALCLOUD_NAMES is a JSON object: suffix, what ends the cloud's names; port, on which the proxy listens;
 * listeners, the ports that serve the names; chain and key, the files of the certificate for sites, whose
 * listener has no TLS; bundle, the file of the trusted certificates. Names below the suffix go to these listeners, by the table SERVED; TLS is the client's
 * and the listener's, and passes through. Every other host is passed through as passage.cjs says.
 *
 * The proxy never keeps the process alive: neither its port nor its connections count.
 */
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");
const tls = require("node:tls");

const { join, pass, Refusal } = require("./passage.cjs");

const LOOPBACK = "127.0.0.1";
const MAX_CONNECTIONS = 2048;
const SERVED = [
  [/^[a-z0-9]{3,24}(?:-secondary)?\.(blob|queue|table)\.core$/, (service) => service],
  [/^(?:management|login|graph)$/, () => "arm"],
  [/^[a-z0-9-]+\.vault$/, () => "arm"],
  [/^[a-z0-9-]+\.[a-z0-9]+\.batch$/, () => "arm"],
  [/^[a-z0-9-]+\.[a-z0-9]+-1\.eventgrid$/, () => "arm"],
  [/^[a-z0-9-]+\.[a-z0-9]+\.inference\.ml$/, () => "arm"],
  [/^[a-z0-9-]+\.scm\.azurewebsites$/, () => "arm"],
  [/^[a-z0-9-]+\.azurewebsites$/, () => "functions"],
];

const settings = JSON.parse(process.env.LOCALCLOUD_NAMES || "null");
if (settings === null) {
  throw new Error("LOCALCLOUD_NAMES is missing: set it to the names and ports of a localcloud.");
}

/** The listener that serves a name of this cloud; throws a Refusal for a name that nothing serves. */
function listenerOf(host, port) {
  const name = host.slice(0, -settings.suffix.length - 1);
  for (const [pattern, listener] of SERVED) {
    const found = pattern.exec(name);
    if (found !== null && port === 443) {
      return listener(found[1]);
    }
  }
  throw new Refusal(502, `localcloud serves nothing at ${host}:${port}.`);
}

/** Reaches the cloud's names from within this process, for a copy from another account's blob. */
class OwnNames extends https.Agent {
  createConnection(options, callback) {
    if (!isOwn(options.host)) {
      return super.createConnection(options, callback);
    }
    const port = settings.listeners[listenerOf(options.host, Number(options.port))];
    return super.createConnection({ ...options, host: LOOPBACK, port, ca: trusted }, callback);
  }
}

// Both are read at once: a file that cannot be read later would end the process, which is storage's too.
const trusted = fs.readFileSync(settings.bundle);
const certificate = tls.createSecureContext({
  cert: fs.readFileSync(settings.chain),
  key: fs.readFileSync(settings.key),
});
https.globalAgent = new OwnNames({ keepAlive: true });

/** Lead a client to one of the cloud's listeners; one without TLS gets what the client encrypted as it was. */
function lead(client, listener, host, opened) {
  const target = net.connect({ host: LOOPBACK, port: settings.listeners[listener] }).unref();
  const refuse = () => {
    const words = `Nothing listens for ${host} at ${LOOPBACK}:${settings.listeners[listener]}: is this part of the cloud running?`;
    opened(new Refusal(502, words));
  };
  target.once("error", refuse);
  target.once("connect", () => {
    target.off("error", refuse);
    opened(null);
    join(listener === "functions" ? decrypted(client) : client, target);
  });
}

function decrypted(client) {
  return new tls.TLSSocket(client, { isServer: true, secureContext: certificate, ALPNProtocols: ["http/1.1"] });
}

function parsed(authority) {
  const found = /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+):(\d{1,5})$/i.exec(authority);
  const port = found === null ? 0 : Number(found[2]);
  if (port < 1 || port > 65535) {
    throw new Refusal(400, "CONNECT needs a host and a port, as management.azure.com:443.");
  }
  return [found[1].toLowerCase().replace(/\.$/, ""), port];
}

function isOwn(host) {
  return host === settings.suffix || host.endsWith(`.${settings.suffix}`);
}

function answer(client, refusal) {
  const body = `${refusal.message}\n`;
  const head = `HTTP/1.1 ${refusal.status} ${http.STATUS_CODES[refusal.status]}\r\nContent-Type: text/plain\r\n`;
  client.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

function connect(request, client, head) {
  client.unref();
  client.on("error", () => client.destroy());
  if (head.length > 0) {
    client.unshift(head);
  }
  const opened = (refusal) => {
    if (refusal !== null) {
      answer(client, refusal);
    } else if (!client.destroyed) {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    }
  };
  try {
    const [host, port] = parsed(request.url);
    if (isOwn(host)) {
      lead(client, listenerOf(host, port), host, opened);
    } else {
      pass(client, host, port, settings.port, opened);
    }
  } catch (error) {
    // Whatever it is, it must not end the process, which is storage's too.
    opened(error instanceof Refusal ? error : new Refusal(500, `localcloud's proxy broke: ${error.stack}`));
  }
}

const server = http.createServer((request, response) => {
  const words = "This proxy serves CONNECT, for https, only: set it as HTTPS_PROXY, not as HTTP_PROXY.\n";
  response.writeHead(501, { "Content-Type": "text/plain", Connection: "close" }).end(words);
});
server.on("connect", connect);
server.on("connection", (socket) => socket.unref());
server.on("error", (error) => {
  console.error(`localcloud's proxy cannot listen at ${LOOPBACK}:${settings.port}: ${error.message}`);
  process.exit(1);
});
server.maxConnections = MAX_CONNECTIONS;
server.listen(settings.port, LOOPBACK).unref();
