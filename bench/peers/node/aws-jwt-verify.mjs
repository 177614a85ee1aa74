// Reads {alg, issuer, audience, jwks, tokens, hostile} and prints what aws-jwt-verify takes to verify a token, and
// at worst to refuse a hostile one: medians of ratios to one verification by node:crypto, in CPU time by turns.
import { createPublicKey, verify } from "node:crypto";
import { text } from "node:stream/consumers";
import { JwtVerifier } from "aws-jwt-verify";

const ROUNDS = 100;
const RUN = 5_000; // microseconds
const WARM_UP = 2_000; // calls

const { alg, issuer, audience, jwks, tokens, hostile } = JSON.parse(await text(process.stdin));
const verifier = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/.well-known/jwks.json` });
verifier.cacheJwks(jwks);

const key = createPublicKey({ key: jwks.keys[0], format: "jwk" });
const rawKey = alg === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key;
const hash = alg === "EdDSA" ? null : "sha256";
const signed = tokens.map((token) => {
  const end = token.lastIndexOf(".");
  return [Buffer.from(token.slice(0, end)), Buffer.from(token.slice(end + 1), "base64url")];
});

function byTurns(call, given) {
  let turn = 0;
  return () => call(given[turn++ % given.length]);
}

function mustVerify([data, signature]) {
  if (!verify(hash, data, rawKey, signature)) throw new Error("the raw verification failed");
}

function mustRefuse(token) {
  try {
    verifier.verifySync(token);
  } catch {
    return;
  }
  throw new Error("a hostile token was let in");
}

const subjects = {
  raw: byTurns(mustVerify, signed),
  verified: byTurns((token) => verifier.verifySync(token), tokens),
};
hostile.forEach((token, index) => (subjects[`hostile ${index}`] = () => mustRefuse(token)));

function time(call, calls) {
  const before = process.cpuUsage();
  for (let done = 0; done < calls; done++) call();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const names = Object.keys(subjects);
const calls = {};
for (const name of names) {
  time(subjects[name], WARM_UP);
  calls[name] = Math.max(1, Math.round((WARM_UP * RUN) / Math.max(1, time(subjects[name], WARM_UP))));
}
const ratios = Object.fromEntries(names.map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  const taken = {};
  for (let turn = 0; turn < names.length; turn++) {
    const name = names[(round + turn) % names.length];
    taken[name] = time(subjects[name], calls[name]) / calls[name];
  }
  for (const name of names) ratios[name].push(taken[name] / taken.raw);
}

const median = (name) => ratios[name].sort((a, b) => a - b)[ROUNDS / 2];
const worst = Math.max(0, ...names.filter((name) => name.startsWith("hostile")).map(median));
console.log(JSON.stringify({ version: process.version, verified: median("verified"), refused: worst }));
