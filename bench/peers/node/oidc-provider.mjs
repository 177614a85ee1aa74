// Prints how often oidc-provider asks its stores for a refresh and for a revocation: {refresh: […], revocation: […]}.
// Client and keys are configured, so that they cost nothing; access tokens are JWTs, which are not stored.
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import Provider from "oidc-provider";

console.info = () => {}; // where it puts its notices

const issuer = "http://127.0.0.1";
const store = new Map();
let calls = [];

class Adapter {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload) { calls.push(`write ${this.name}`); store.set(this.key(id), payload); }
  async find(id) { calls.push(`read ${this.name}`); return store.get(this.key(id)); }
  async consume(id) { calls.push(`write ${this.name}`); store.get(this.key(id)).consumed = 1; }
  async destroy(id) { calls.push(`write ${this.name}`); store.delete(this.key(id)); }
  async revokeByGrantId() { calls.push(`write ${this.name}`); }
  async findByUid() { calls.push(`read ${this.name}`); }
  async findByUserCode() { calls.push(`read ${this.name}`); }
}

const jwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
const scope = "openid offline_access comments:read";
const provider = new Provider(issuer, {
  adapter: Adapter,
  jwks: { keys: [{ ...jwk, alg: "ES256", use: "sig" }] },
  clients: [{
    client_id: "spa", token_endpoint_auth_method: "none", redirect_uris: ["https://spa.example/callback"],
    grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
    id_token_signed_response_alg: "ES256",
  }],
  scopes: ["openid", "offline_access", "comments:read"],
  rotateRefreshToken: true,
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => issuer,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: "comments:read", accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } } }),
    },
  },
  // A user store is asked here, which is none of the adapter"s.
  findAccount: (_, sub) => { calls.push("read Account"); return { accountId: sub, claims: () => ({ sub }) }; },
});

const client = await provider.Client.find("spa");
const grant = new provider.Grant({ accountId: "user", clientId: "spa" });
grant.addOIDCScope("openid offline_access");
grant.addResourceScope(issuer, "comments:read");
const grantId = await grant.save();
let token = await new provider.RefreshToken({
  accountId: "user", client, grantId, scope, resource: issuer, gty: "authorization_code",
  expiresWithSession: false, iiat: Math.floor(Date.now() / 1000), rotations: 0,
}).save();

const server = provider.listen(0, "127.0.0.1");
await once(server, "listening");

async function post(path, form) {
  calls = [];
  const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`, {
    method: "POST", body: new URLSearchParams({ client_id: "spa", ...form }),
  });
  const body = await answer.text();
  if (!answer.ok) throw new Error(body);
  return body;
}

token = JSON.parse(await post("/token", { grant_type: "refresh_token", refresh_token: token })).refresh_token;
const refresh = calls;
await post("/token/revocation", { token, token_type_hint: "refresh_token" });
console.log(JSON.stringify({ refresh, revocation: calls }));
server.close();
