// SPDX-License-Identifier: BSD-2-Clause
/* oidc-provider over TLS on 127.0.0.1, with what grantd needs of it: device flow, rotating refresh
 * tokens, introspection, revocation, resource indicators, clients with a secret for people's grants
 * by device and by redirect, one for its own, and clients with a key. Its own pages are the
 * operator's.
 * Usage: node server.mjs CERT KEY CLIENT_SECRET MAX_SECONDS; one JSON line when ready; ends when
 * stdin closes. Lifetimes in seconds: ACCESS_TTL, DEVICE_TTL. CLIENT_KEYS: the public keys of
 * clients, an object of PEM by client_id. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createPublicKey, randomBytes } from 'node:crypto';
import Provider, { errors } from 'oidc-provider';

const [certFile, keyFile, clientSecret, maxSeconds] = process.argv.slice(2);
const accessTtl = Number(process.env.ACCESS_TTL ?? 600);
const deviceTtl = Number(process.env.DEVICE_TTL ?? 600);

const clientKeys = Object.entries(JSON.parse(process.env.CLIENT_KEYS ?? '{}'));
const resources = ['https://api.example/', 'urn:example:erp'];

function keyClient([clientId, pem]) {
  return {
    client_id: clientId,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...createPublicKey(pem).export({ format: 'jwk' }), kid: 'key-1' }] },
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token',
      'client_credentials'],
    response_types: [],
    redirect_uris: [],
  };
}

function resourceServer(ctx, resource) {
  if (!resources.includes(resource)) throw new errors.InvalidTarget();
  return { scope: 'api', accessTokenFormat: 'opaque' };
}

function configuration() {
  return {
    clients: [{
      client_id: 'server:one',
      client_secret: clientSecret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types: [],
      redirect_uris: [],
    }, {
      client_id: 'web:one',
      client_secret: clientSecret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://localhost:1717/callback'],
    }, {
      client_id: 'service:one',
      client_secret: clientSecret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    }, ...clientKeys.map(keyClient)],
    cookies: { keys: [randomBytes(24).toString('hex')] },
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      devInteractions: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
      revocation: { enabled: true },
      userinfo: { enabled: true },
    },
    rotateRefreshToken: () => true,
    scopes: ['openid', 'offline_access', 'api'],
    ttl: {
      AccessToken: accessTtl,
      ClientCredentials: accessTtl,
      DeviceCode: deviceTtl,
      Grant: 86400,
      Interaction: 600,
      RefreshToken: 86400,
      Session: 600,
    },
  };
}

const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
server.listen(0, '127.0.0.1', () => {
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration());
  server.on('request', provider.callback());
  const told = {
    issuer, client_id: 'server:one', web_id: 'web:one', service_id: 'service:one',
  };
  process.stdout.write(`${JSON.stringify(told)}\n`);
});

setTimeout(() => process.exit(3), Number(maxSeconds) * 1000);
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
