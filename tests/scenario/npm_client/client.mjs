// A bank's program in another language: signs a score request with npm's http-message-signatures and sends it.
//
// node client.mjs < JOB.json. The job: {"gateway", "ca", "key" (PEM), "keyid", "algorithm", "body", "twin"}. Prints one JSON document,
// {"headers", "status", "answer"}, or with "dry": true {"headers"}, unsent. "twin" names what is done wrong, see TWINS;
// without it the request is right.

import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { httpbis } from 'http-message-signatures';

const job = JSON.parse(readFileSync(0, 'utf8'));
let now = Math.floor(Date.now() / 1000);
const time = (seconds) => new Date(seconds * 1000);

/** What is signed and sent when nothing is wrong. */
function right() {
  return {
    url: `${job.gateway}/v1/scores`,
    body: job.body,
    fields: ['@method', '@target-uri', 'content-type', 'content-digest'],
    params: ['created', 'keyid', 'alg', 'expires', 'nonce', 'tag'],
    values: { created: time(now), expires: time(now + 60), nonce: randomBytes(18).toString('base64url'), tag: 'xinqiao-bank-v1' },
    alg: job.algorithm,
    name: 'sig1',
    after: (headers) => headers,
    times: 1,
  };
}

/** One thing wrong in each. */
const TWINS = {
  missing_component: (wish) => { wish.fields = wish.fields.filter((name) => name !== 'content-digest'); },
  missing_expires: (wish) => { wish.params = wish.params.filter((name) => name !== 'expires'); },
  additional_component: (wish) => { wish.fields.push('@authority'); },
  wrong_digest: (wish) => { wish.digestOf = wish.body.replace('loan', 'lean'); },
  changed_body: (wish) => { wish.sent = wish.body.replace('loan', 'lean'); },
  stale_created: (wish) => { wish.values.created = time(now - 600); wish.values.expires = time(now - 540); },
  future_created: (wish) => { wish.values.created = time(now + 600); wish.values.expires = time(now + 660); },
  long_expiry: (wish) => { wish.values.expires = time(now + 300); },
  short_nonce: (wish) => { wish.values.nonce = 'short'; },
  replayed_nonce: (wish) => { wish.times = 2; },
  wrong_tag: (wish) => { wish.values.tag = 'xinqiao-enterprise-v1'; },
  wrong_alg: (wish) => { wish.alg = 'ecdsa-p256-sha256'; },
  wrong_label: (wish) => { wish.name = 'sig2'; },
  unknown_key: (wish) => { wish.keyid = 'bank-nobody~0000000000000000'; },
  duplicate_digest: (wish) => { wish.after = (headers) => ({ ...headers, 'Content-Digest': [headers['Content-Digest'], 'sha-256=:AAAA:'] }); },
  duplicate_signature: (wish) => { wish.after = (headers) => ({ ...headers, Signature: [headers.Signature, headers.Signature] }); },
  second_signature: (wish) => { wish.after = (headers) => ({ ...headers, 'Signature-Input': `${headers['Signature-Input']}, sig2=();created=1` }); },
  target_swapped: (wish) => { wish.signedUrl = `${job.gateway}/v1/scores:batch`; },
  host_swapped: (wish) => { wish.signedUrl = 'https://another.example:8443/v1/scores'; },
};

const sha256 = (text) => createHash('sha256').update(text).digest('base64');

async function signed(wish) {
  const headers = { 'Content-Type': 'application/json', 'Content-Digest': `sha-256=:${sha256(wish.digestOf ?? wish.body)}:` };
  const key = createPrivateKey(job.key);
  const made = await httpbis.signMessage(
    {
      key: {
        id: wish.keyid ?? job.keyid,
        alg: wish.alg,
        sign: async (data) => job.algorithm === 'ed25519' ? sign(null, data, key) : sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
      },
      name: wish.name,
      fields: wish.fields,
      params: wish.params,
      paramValues: wish.values,
    },
    { method: 'POST', url: wish.signedUrl ?? wish.url, headers },
  );
  return wish.after(made.headers);
}

function send(url, headers, body) {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', ca: readFileSync(job.ca), headers: { ...headers, 'Content-Length': Buffer.byteLength(body) } });
    call.on('error', reject);
    call.on('response', (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({
        status: response.statusCode,
        again: Number(response.headers['retry-after'] ?? 2),
        answer: JSON.parse(Buffer.concat(parts).toString('utf8')),
      }));
    });
    call.end(body);
  });
}

/** One request as the job wishes it, signed now. */
async function ask() {
  now = Math.floor(Date.now() / 1000);
  const wish = right();
  if (job.twin) TWINS[job.twin](wish);
  const headers = await signed(wish);
  let result = { headers };
  if (!job.dry) {
    for (let time = 0; time < wish.times; time += 1) {
      result = { headers, ...(await send(wish.url, headers, wish.sent ?? wish.body)) };
    }
  }
  return result;
}

// 202: the departments' rows are still awaited. The same question is signed anew, with a fresh nonce, when the gateway says to come again.
let result = await ask();
for (let asked = 1; result.status === 202 && asked < 60; asked += 1) {
  await setTimeout(result.again * 1000);
  result = await ask();
}
process.stdout.write(`${JSON.stringify(result)}\n`);
