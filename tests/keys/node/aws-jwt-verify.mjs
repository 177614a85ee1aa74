// Reads {jwksUri, issuer, audience, tokens} and prints, for each token, its claims or why it was refused.
import { text } from "node:stream/consumers";
import { JwtVerifier } from "aws-jwt-verify";

const { jwksUri, issuer, audience, tokens } = JSON.parse(await text(process.stdin));
const verifier = JwtVerifier.create({ issuer, audience, jwksUri });

async function verified(token) {
  try {
    return { claims: await verifier.verify(token) };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

console.log(JSON.stringify(await Promise.all(tokens.map(verified))));
