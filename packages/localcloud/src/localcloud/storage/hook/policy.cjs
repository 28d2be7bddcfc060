/*
 * Reads the policy that the cloud writes: accounts, and what each principal may do (localcloud/storage/policy.py).
 *
 * The file is replaced as a whole, and every request looks whether it has been: a request that begins after the
 * cloud has written is decided by what it wrote.
 */
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");

const { access } = require("./access.cjs");

class Policy {
  constructor(file) {
    this.file = file;
    this.stamp = "";
    this.current = read(null);
  }

  /** The policy as it is now. Throws if its file cannot be understood; without a file there are no accounts. */
  get() {
    const found = fs.statSync(this.file, { throwIfNoEntry: false, bigint: true });
    const stamp = found ? `${found.ino} ${found.mtimeNs} ${found.size}` : "";
    if (stamp !== this.stamp) {
      this.current = read(found ? JSON.parse(fs.readFileSync(this.file, "utf8")) : null);
      this.stamp = stamp;
    }
    return this.current;
  }
}

function read(given) {
  const content = given || { issuer: "", suffix: "", platform: "", delegationSeed: "", accounts: {}, held: {} };
  return {
    issuer: content.issuer,
    suffix: content.suffix,
    challenge: content.challenge,
    platform: content.platform,
    issuerKeys: (content.issuerKeys || []).map((pem) => crypto.createPublicKey(pem)),
    // A random one where there is no policy, so that no signature is ever good without one.
    delegationSeed: content.delegationSeed || crypto.randomBytes(32).toString("hex"),
    accounts: new Map(Object.entries(content.accounts)),
    allows: access(content.held),
  };
}

module.exports = { Policy };
