// ts-mls as a peer: takes the same lines as peer.c.
//
// The first argument is the folder with node_modules. In three places ts-mls 1.6.4 is not what RFC 9420 says, and is put right here:
//
// - A joiner demands that all parents above an unmerged leaf have equal lists of unmerged leaves; §7.9 demands only that each
//   parent between the leaf and a parent that lists it lists it too, as two Adds in two epochs already show.
// - The content of an external_pub extension is a key without its length; §12.4.3.2 has an HPKEPublicKey, which is opaque<V>.
// - Its public signature keys on NIST curves are compressed points; §5.1.1 has them uncompressed. ECDSA is Node's here, which is
//   also faster than JavaScript.
//
// It follows Update proposals of others and has no call to make one: the leaf is made here of its parts.
import { createInterface } from "node:readline";
import { createRequire, register } from "node:module";
import { pathToFileURL } from "node:url";
import { createHash, createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign, timingSafeEqual, verify, webcrypto } from "node:crypto";

// Hashes and HMAC of the Web Cryptography API each travel to a thread and back, thousands a commit: they are computed on the spot.
const digest = (hash) => (hash.name ?? hash).replace("-", "");
const onTheSpot = {
  digest: async (hash, data) => new Uint8Array(createHash(digest(hash)).update(new Uint8Array(data)).digest()).buffer,
  importKey: async (format, bytes, algorithm, ...rest) =>
    algorithm.name === "HMAC" ? { hash: digest(algorithm.hash), bytes: new Uint8Array(bytes) } : webcrypto.subtle.importKey(format, bytes, algorithm, ...rest),
  sign: async (algorithm, key, data) =>
    key.hash ? new Uint8Array(createHmac(key.hash, key.bytes).update(new Uint8Array(data)).digest()).buffer : webcrypto.subtle.sign(algorithm, key, data),
  verify: async (algorithm, key, mac, data) =>
    key.hash ? timingSafeEqual(new Uint8Array(mac), new Uint8Array(await onTheSpot.sign(algorithm, key, data))) : webcrypto.subtle.verify(algorithm, key, mac, data),
};
const subtle = new Proxy(webcrypto.subtle, { get: (target, name) => onTheSpot[name] ?? target[name]?.bind(target) });
Object.defineProperty(globalThis, "crypto", { value: { subtle, getRandomValues: (array) => webcrypto.getRandomValues(array) } });

const corrections = {
  "clientState.js": [
    [
      "if (!arraysEqual(dpNode.parent.unmergedLeaves, n.parent.unmergedLeaves))",
      "if (dp.indexOf(parentIdx) < dp.indexOf(i) && !dpNode.parent.unmergedLeaves.includes(unmergedLeaf))",
    ],
  ],
  "createCommit.js": [
    ['import { encode } from "./codec/tlsEncoder.js";', 'import { encode } from "./codec/tlsEncoder.js"; import { decodeVarLenData, varLenDataEncoder } from "./codec/variableLength.js";'],
    ["const externalPub = await cs.hpke.exportPublicKey(externalKeyPair.publicKey);", "const externalPub = encode(varLenDataEncoder)(await cs.hpke.exportPublicKey(externalKeyPair.publicKey));"],
    ["exportSecret(externalPub.extensionData, cs)", "exportSecret(decodeVarLenData(externalPub.extensionData, 0)[0], cs)"],
  ],
};
const loader = `
  const corrections = ${JSON.stringify(corrections)};
  export async function load(url, context, next) {
    const module = await next(url, context);
    const found = Object.entries(corrections).find(([file]) => url.endsWith("/ts-mls/dist/src/" + file));
    if (!found) return module;
    let source = String(module.source);
    for (const [wrong, right] of found[1]) {
      if (!source.includes(wrong)) throw new Error("this is not the ts-mls that is put right here: " + wrong);
      source = source.replaceAll(wrong, right);
    }
    return { ...module, source };
  }`;
register(`data:text/javascript,${encodeURIComponent(loader)}`);

const require = createRequire(pathToFileURL(`${process.argv[2]}/package.json`));
const mls = await import(pathToFileURL(require.resolve("ts-mls")));
const { signLeafNodeCommit } = await import(pathToFileURL(require.resolve("ts-mls/leafNode.js"))); // signs any leaf
const { updateLeafKey } = await import(pathToFileURL(require.resolve("ts-mls/privateKeyPath.js")));

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

// As peer.c does: in epochs of even numbers handshake messages are public.
const isPublic = (m) => m.state.groupContext.epoch % 2n === 0n;

// An Update proposal, and the private key that takes effect with the commit that refers to it.
async function ownUpdate(m) {
  const { privatePath, ratchetTree, groupContext, signaturePrivateKey } = m.state;
  const { leafIndex } = privatePath;
  const keys = await suite.hpke.generateKeyPair();
  const { extensions, capabilities, credential, signaturePublicKey } = ratchetTree[2 * leafIndex].leaf;
  const hpkePublicKey = await suite.hpke.exportPublicKey(keys.publicKey);
  const leaf = { leafNodeSource: "update", hpkePublicKey, extensions, capabilities, credential, signaturePublicKey };
  const leafNode = await signLeafNodeCommit({ ...leaf, groupId: groupContext.groupId, leafIndex }, signaturePrivateKey, suite.signature);
  m.updated = await suite.hpke.exportPrivateKey(keys.privateKey);
  return { proposalType: "update", update: { leafNode } };
}

const isCommit = ({ publicMessage, privateMessage }) => (publicMessage?.content ?? privateMessage).contentType === "commit";
const isFromOutside = ({ publicMessage }) => publicMessage?.content.sender.senderType === "new_member_commit";

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
    const made = await mls.createCommit({ state: m.state, cipherSuite: suite }, { extraProposals, ratchetTreeExtension: true, wireAsPublicMessage: isPublic(m) });
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
    const received = decode(text);
    // Whoever commits refers to every proposal; only who joins from outside refers to none.
    if (m.updated && isCommit(received) && !isFromOutside(received)) m.state = { ...m.state, privatePath: updateLeafKey(m.state.privatePath, m.updated) };
    const result = await mls.processMessage(received, m.state, mls.emptyPskIndex, mls.acceptAll, suite);
    m.state = result.newState;
    if (result.kind === "applicationMessage") return `application ${hex(result.message)}`;
    if (!isCommit(received)) return "proposal -";
    m.pending = m.updated = undefined;
    return "commit -";
  },
  async protect(m, data) {
    const made = await mls.createApplicationMessage(m.state, unhex(data), suite);
    m.state = made.newState;
    return message({ wireformat: "mls_private_message", privateMessage: made.privateMessage });
  },
  async propose(m, kind, argument) {
    const proposals = {
      add: () => ({ proposalType: "add", add: { keyPackage: decode(argument, "mls_key_package").keyPackage } }),
      update: () => ownUpdate(m),
      remove: () => ({ proposalType: "remove", remove: { removed: Number(argument) } }),
    };
    const made = await mls.createProposal(m.state, isPublic(m), await proposals[kind](), suite);
    m.state = made.newState;
    return message(made.message);
  },
  async info(m) {
    return message({ wireformat: "mls_group_info", groupInfo: await mls.createGroupInfoWithExternalPubAndRatchetTree(m.state, [], suite) });
  },
  async external(m, text) {
    const { groupInfo } = decode(text, "mls_group_info");
    const { newState, publicMessage } = await mls.joinGroupExternal(groupInfo, m.keys.publicPackage, m.keys.privatePackage, false, suite);
    m.state = newState;
    return message({ wireformat: "mls_public_message", publicMessage });
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
