// A program that reads a secret through google-auth-library, as a tool in a run would: with the credential file that
// GOOGLE_APPLICATION_CREDENTIALS names. Arguments: project, secret, and seconds to wait before it reads again.
import { setTimeout as delay } from 'node:timers/promises';
import { GoogleAuth } from 'google-auth-library';

const [project, secret, ...waits] = process.argv.slice(2);
// oxlint-disable-next-line node/no-process-env -- a program of its own, which has no other way
const base = process.env['GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT'];
const url = `${base}projects/${project}/secrets/${secret}/versions/latest:access`;
const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
try {
  const client = await auth.getClient();
  for (const wait of ['0', ...waits]) {
    await delay(Number(wait) * 1000);
    const { data } = await client.request<{ payload: { data: string } }>({ url });
    process.stdout.write(`${Buffer.from(data.payload.data, 'base64').toString('utf8')}\n`);
  }
} catch (error) {
  const { message, response } = error as { message: string; response?: { data: unknown } };
  process.stderr.write(`${message} ${JSON.stringify(response?.data ?? null)}\n`);
  process.exitCode = 1;
}
