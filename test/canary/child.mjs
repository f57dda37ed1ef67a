// What a careless command does with its secrets: exchanges its token, prints all it knows in many forms, and leaves copies
// where programs leave things. Its argument is a file for the test, which says what to search for.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const { env } = process;
const token = readFileSync(env.AWS_WEB_IDENTITY_TOKEN_FILE, 'utf8');
const answer = await fetch(env.AWS_ENDPOINT_URL, {
  method: 'POST',
  body: new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: env.AWS_ROLE_ARN,
    RoleSessionName: env.AWS_ROLE_SESSION_NAME,
    WebIdentityToken: token,
  }),
});
const xml = await answer.text();
// As azurerm asks for a fresh token in a long apply.
const fresh = await fetch(env.ARM_OIDC_REQUEST_URL, {
  headers: { authorization: `Bearer ${env.ARM_OIDC_REQUEST_TOKEN}` },
});
const others = {
  'token for Google': readFileSync(
    JSON.parse(readFileSync(env.GOOGLE_APPLICATION_CREDENTIALS, 'utf8')).credential_source.file,
    'utf8',
  ),
  'bearer of the token endpoint': env.ARM_OIDC_REQUEST_TOKEN,
  'fresh token for Azure': (await fresh.json()).value,
  'Vault token': env.VAULT_TOKEN,
  'token for Kubernetes': env.KUBE_TOKEN,
};
const field = (name) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
writeFileSync(
  process.argv[2],
  JSON.stringify({
    token,
    secretAccessKey: field('SecretAccessKey'),
    sessionToken: field('SessionToken'),
    others,
    xml,
    names: Object.keys(env),
  }),
);

const known = [token, env.CANARY_SENSITIVE, env.CANARY_FILE, env.TF_VAR_canary, ...Object.values(others)];
for (const secret of known) {
  for (const form of [secret, JSON.stringify(secret), encodeURIComponent(secret)])
    process.stdout.write(`out ${form}\n`);
  for (const encoding of ['hex', 'base64']) process.stderr.write(`err ${Buffer.from(secret).toString(encoding)}\n`);
  for (const before of ['', 'a', 'ab']) process.stdout.write(`${Buffer.from(before + secret).toString('base64')}\n`);
  process.stdout.write(`split ${secret.slice(0, 9)}`);
  await delay(60);
  process.stdout.write(`${secret.slice(9)}\n`);
}
for (const directory of [env.HOME, env.TMPDIR, env.XDG_CACHE_HOME]) {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'copy'), known.join('\n'));
}
process.exitCode = Number(process.argv[3] ?? 0);
