// ts-mls as a peer: the same lines as peer.c takes, and one more:
//
//     propose MEMBER LEAF    ok MESSAGE    a Remove by itself; later commits of everybody who has seen it refer to it
//
// The first argument is the folder with node_modules. In two places ts-mls 1.6.4 is not what RFC 9420 says, and is put right here:
//
// - A joiner demands that all parents above an unmerged leaf have equal lists of unmerged leaves; §7.9 demands only that each
//   parent between the leaf and a parent that lists it lists it too, as two Adds in two epochs already show.
// - Its public signature keys on NIST curves are compressed points; §5.1.1 has them uncompressed. ECDSA is Node's here, which is
//   also faster than JavaScript.
import { createInterface } from "node:readline";
import { createRequire, register } from "node:module";
import { pathToFileURL } from "node:url";
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18

const loader = `
  const wrong = "if (!arraysEqual(dpNode.parent.unmergedLeaves, n.parent.unmergedLeaves))";
  const right = "if (dp.indexOf(parentIdx) < dp.indexOf(i) && !dpNode.parent.unmergedLeaves.includes(unmergedLeaf))";
  export async function load(url, context, next) {
    const module = await next(url, context);
    if (!url.endsWith("/ts-mls/dist/src/clientState.js")) return module;
    const parts = String(module.source).split(wrong);
    if (parts.length !== 2) throw new Error("this is not the ts-mls whose tree validation is put right here");
    return { ...module, source: parts.join(right) };
  }`;
register(`data:text/javascript,${encodeURIComponent(loader)}`);

const require = createRequire(pathToFileURL(`${process.argv[2]}/package.json`));
const mls = await import(pathToFileURL(require.resolve("ts-mls")));

let suite;
let members = new Map();

const hex = (bytes) => (bytes.length ? Buffer.from(bytes).toString("hex") : "-");
const unhex = (text) => (text === "-" ? new Uint8Array() : new Uint8Array(Buffer.from(text, "hex")));
const message = (content) => hex(mls.encodeMlsMessage({ version: "mls10", ...content }));

function decode(text, wireformat) {
  const decoded = mls.decodeMlsMessage(unhex(text), 0);
  if (!decoded) throw new Error("not an MLSMessage");
  const [content, size] = decoded;
  if (size !== unhex(text).length) throw new Error("bytes after an MLSMessage");
  if (wireformat && content.wireformat !== wireformat) throw new Error(`expected ${wireformat}`);
  return content;
}

// ECDSA; a private key is the scalar and then the public point.
function ecdsa(crv, hash, size) {
  const text = (bytes, i) => Buffer.from(bytes.slice(i, i + size)).toString("base64url");
  const jwk = (point) => ({ kty: "EC", crv, x: text(point, 1), y: text(point, 1 + size) });
  return {
    async keygen() {
      const { d, x, y } = generateKeyPairSync("ec", { namedCurve: crv }).privateKey.export({ format: "jwk" });
      const publicKey = new Uint8Array([4, ...Buffer.from(x, "base64url"), ...Buffer.from(y, "base64url")]);
      return { publicKey, signKey: new Uint8Array([...Buffer.from(d, "base64url"), ...publicKey]) };
    },
    async sign(key, message) {
      const parts = { ...jwk(key.slice(size)), d: text(key, 0) };
      return new Uint8Array(sign(hash, message, createPrivateKey({ key: parts, format: "jwk" })));
    },
    async verify(key, message, signature) {
      return key[0] === 4 && verify(hash, message, createPublicKey({ key: jwk(key), format: "jwk" }), signature);
    },
  };
}

const signatures = { P256: ecdsa("P-256", "sha256", 32), P384: ecdsa("P-384", "sha384", 48), P521: ecdsa("P-521", "sha512", 66) };

const commands = {
  async package(m, name) {
    const credential = { credentialType: "basic", identity: new TextEncoder().encode(name) };
    m.keys = await mls.generateKeyPackage(credential, mls.defaultCapabilities(), mls.defaultLifetime, [], suite);
    return message({ wireformat: "mls_key_package", keyPackage: m.keys.publicPackage });
  },
  async create(m, id) {
    m.state = await mls.createGroup(unhex(id), m.keys.publicPackage, m.keys.privatePackage, [], suite);
    return "";
  },
  async join(m, text) {
    const { welcome } = decode(text, "mls_welcome");
    m.state = await mls.joinGroup(welcome, m.keys.publicPackage, m.keys.privatePackage, mls.emptyPskIndex, suite);
    return "";
  },
  async commit(m, ...words) {
    const slash = words.indexOf("/");
    const add = words.slice(0, slash).map((w) => decode(w, "mls_key_package").keyPackage);
    const extraProposals = [
      ...add.map((keyPackage) => ({ proposalType: "add", add: { keyPackage } })),
      ...words.slice(slash + 1).map((leaf) => ({ proposalType: "remove", remove: { removed: Number(leaf) } })),
    ];
    const made = await mls.createCommit({ state: m.state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true });
    m.pending = made.newState;
    return `${message(made.commit)} ${made.welcome ? message({ wireformat: "mls_welcome", welcome: made.welcome }) : "-"}`;
  },
  async merge(m) {
    if (!m.pending) throw new Error("no commit waits");
    [m.state, m.pending] = [m.pending, undefined];
    return "";
  },
  async clear(m) {
    m.pending = undefined;
    return "";
  },
  async process(m, text) {
    const result = await mls.processMessage(decode(text), m.state, mls.emptyPskIndex, mls.acceptAll, suite);
    const before = m.state.groupContext.epoch;
    m.state = result.newState;
    if (result.kind === "applicationMessage") return `application ${hex(result.message)}`;
    if (m.state.groupContext.epoch === before) return "proposal -";
    m.pending = undefined;
    return "commit -";
  },
  async protect(m, data) {
    const made = await mls.createApplicationMessage(m.state, unhex(data), suite);
    m.state = made.newState;
    return message({ wireformat: "mls_private_message", privateMessage: made.privateMessage });
  },
  async propose(m, leaf) {
    const asPublic = m.state.groupContext.epoch % 2n === 0n;
    const made = await mls.createProposal(m.state, asPublic, { proposalType: "remove", remove: { removed: Number(leaf) } }, suite);
    m.state = made.newState;
    return message(made.message);
  },
  async state(m) {
    const { groupContext, keySchedule, privatePath } = m.state;
    const exported = await mls.mlsExporter(keySchedule.exporterSecret, "interop", new TextEncoder().encode("context"), 32, suite);
    return `${groupContext.epoch} ${privatePath.leafIndex} ${hex(keySchedule.epochAuthenticator)} ${hex(exported)} ${hex(groupContext.treeHash)}`;
  },
};

async function obey([command, name, ...rest]) {
  if (command === "suite") {
    const found = Object.entries(mls.ciphersuites).find(([, id]) => id === Number(name));
    if (!found) throw new Error("no such suite");
    const parts = mls.getCiphersuiteFromName(found[0]);
    suite = await mls.getCiphersuiteImpl(parts);
    suite.signature = signatures[parts.signature] ?? suite.signature;
    members = new Map();
    return found[0];
  }
  if (command === "leave") {
    members.delete(name);
    return "";
  }
  if (command === "package") {
    members.set(name, {});
    rest = [name];
  }
  if (!commands[command] || !members.has(name)) throw new Error("no such command or member");
  return commands[command](members.get(name), ...rest);
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    process.stdout.write(`ok ${await obey(line.split(" ").filter((w) => w))}\n`);
  } catch (e) {
    process.stdout.write(`error ${String(e.message ?? e).replaceAll("\n", " ")}\n`);
  }
}
