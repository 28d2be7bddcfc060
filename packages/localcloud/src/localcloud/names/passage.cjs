/*
 * Passing a CONNECT through to a host that is not the cloud's: directly, or by the proxy that HTTPS_PROXY named
 * when the process started, unless NO_PROXY excepts the host. Loopback is never reached through here, by no
 * name, so that a name from outside cannot lead a client to a port of this machine.
 */
"use strict";

const dns = require("node:dns");
const http = require("node:http");
const https = require("node:https");
const net = require("node:net");

const LIMIT = 30_000;
const ONE_SIDED = 30_000;

const loopback = new net.BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addSubnet("0.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addAddress("::", "ipv6");

/** What a client is told instead of a connection. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function variable(name) {
  return process.env[name.toLowerCase()] || process.env[name] || "";
}

const upstream = variable("HTTPS_PROXY");
const excepted = variable("NO_PROXY")
  .split(",")
  .map((each) => each.trim().toLowerCase())
  .filter((each) => each !== "");

// What else runs in this process reaches the cloud's names by itself; its clients must not ask the person's proxy.
for (const name of ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) {
  delete process.env[name];
}

function isLoopback(address) {
  return loopback.check(address, net.isIPv6(address) ? "ipv6" : "ipv4");
}

function matches(entry, host, port) {
  const [range, bits] = entry.split("/");
  if (bits !== undefined && net.isIPv4(range) && net.isIPv4(host)) {
    const list = new net.BlockList();
    list.addSubnet(range, Math.min(Number(bits) || 0, 32));
    return list.check(host);
  }
  const [, name, only] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry);
  const named = name === "" ? entry === "*" : host === name || host.endsWith(`.${name}`);
  return named && (only === undefined || Number(only) === port);
}

/** The person's proxy for a host, or null. The cloud's own, which a shell may have from `env`, is none. */
function proxyFor(host, port, own) {
  if (upstream === "" || excepted.some((entry) => matches(entry, host, port))) {
    return null;
  }
  const written = upstream.includes("://") ? upstream : `http://${upstream}`;
  const url = URL.canParse(written) ? new URL(written) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new Refusal(502, "HTTPS_PROXY, as it was when localcloud started, is not the URL of an HTTP proxy.");
  }
  const isSelf = ["127.0.0.1", "localhost"].includes(url.hostname) && Number(url.port) === own;
  return isSelf ? null : url;
}

/** Join two connections, so that none outlives the other for long. */
function join(one, other) {
  if (one.destroyed || other.destroyed) {
    one.destroy();
    other.destroy();
    return;
  }
  for (const [from, to] of [
    [one, other],
    [other, one],
  ]) {
    from.on("error", () => to.destroy());
    from.once("close", () => to.destroy());
    // A side that has said its last word gives the other ONE_SIDED idle milliseconds for its own.
    from.once("end", () => to.setTimeout(ONE_SIDED, () => to.destroy()));
    from.pipe(to);
  }
}

function resolved(host, callback) {
  const bare = host.replace(/^\[|\]$/g, "");
  dns.lookup(bare, { all: true }, (error, addresses) => {
    if (error !== null) {
      callback(new Refusal(502, `${host} could not be found: ${error.message}.`));
    } else if (addresses.some(({ address }) => isLoopback(address))) {
      callback(new Refusal(403, `${host} is this machine: loopback is reached without a proxy (NO_PROXY).`));
    } else {
      callback(null, addresses);
    }
  });
}

function direct(host, port, callback) {
  resolved(host, (refusal, addresses) => {
    if (refusal !== null) {
      callback(refusal);
      return;
    }
    const lookup = (_, options, found) =>
      options.all ? found(null, addresses) : found(null, addresses[0].address, addresses[0].family);
    const target = net.connect({ host: host.replace(/^\[|\]$/g, ""), port, lookup }).unref();
    const fail = (error) => {
      target.destroy();
      callback(new Refusal(error === undefined ? 504 : 502, `${host}:${port} was not reached: ${error?.message ?? "no answer"}.`));
    };
    const late = () => fail(undefined);
    target.setTimeout(LIMIT, late);
    target.once("error", fail);
    target.once("connect", () => {
      target.off("error", fail).off("timeout", late).setTimeout(0);
      target.setKeepAlive(true);
      callback(null, target);
    });
  });
}

function byProxy(proxy, host, port, callback) {
  const headers = { Host: `${host}:${port}` };
  if (proxy.username !== "") {
    const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    headers["Proxy-Authorization"] = `Basic ${Buffer.from(user).toString("base64")}`;
  }
  const { request } = proxy.protocol === "https:" ? https : http;
  const sent = request({
    host: proxy.hostname.replace(/^\[|\]$/g, ""),
    port: proxy.port || (proxy.protocol === "https:" ? 443 : 80),
    method: "CONNECT",
    path: `${host}:${port}`,
    headers,
    agent: false,
    timeout: LIMIT,
  });
  const fail = (words) => callback(new Refusal(502, `The proxy ${proxy.host} did not lead to ${host}:${port}: ${words}.`));
  sent.once("timeout", () => sent.destroy(new Error("no answer")));
  sent.once("error", (error) => fail(error.message));
  sent.once("socket", (socket) => socket.unref());
  sent.once("response", (response) => {
    response.destroy();
    fail(`it answered ${response.statusCode}`);
  });
  sent.once("connect", (response, target, head) => {
    target.setTimeout(0);
    if (response.statusCode !== 200) {
      target.destroy();
      fail(`it answered ${response.statusCode} ${response.statusMessage}`);
      return;
    }
    if (head.length > 0) {
      target.unshift(head);
    }
    callback(null, target);
  });
  sent.end();
}

/** Lead a client to a host that is not the cloud's. own: the port of the cloud's proxy. */
function pass(client, host, port, own, opened) {
  const reached = (refusal, target) => {
    opened(refusal);
    if (refusal === null) {
      join(client, target);
    }
  };
  const bare = host.replace(/^\[|\]$/g, "");
  if (host === "localhost" || host.endsWith(".localhost") || (net.isIP(bare) !== 0 && isLoopback(bare))) {
    throw new Refusal(403, `${host} is this machine: loopback is reached without a proxy (NO_PROXY).`);
  }
  const proxy = proxyFor(bare, port, own);
  if (proxy === null) {
    direct(host, port, reached);
  } else {
    byProxy(proxy, bare, port, reached);
  }
}

module.exports = { join, pass, Refusal };
