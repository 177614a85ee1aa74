// Reads {jwksUri, issuer, audience, alg, tokens} and prints, for each token, its claims or why it was refused.
import { text } from "node:stream/consumers";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { jwksUri, issuer, audience, alg, tokens } = JSON.parse(await text(process.stdin));
const keys = createRemoteJWKSet(new URL(jwksUri));
const options = { issuer, audience, algorithms: [alg], typ: "at+jwt" };

async function verified(token) {
  try {
    return { claims: (await jwtVerify(token, keys, options)).payload };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

console.log(JSON.stringify(await Promise.all(tokens.map(verified))));
