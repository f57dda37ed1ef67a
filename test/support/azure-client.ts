// A program that reads or writes a resource group through @azure/identity, as a tool in a run would: with the variables of
// workload identity alone. Arguments: `read` or `write`, the group, and, to see whether the token file is read again, a
// file with another token to put in its place.
import { copyFileSync } from 'node:fs';
import { WorkloadIdentityCredential } from '@azure/identity';

const [verb, group, next] = process.argv.slice(2);
const {
  ARM_METADATA_HOSTNAME: played,
  ARM_SUBSCRIPTION_ID: subscription,
  AZURE_FEDERATED_TOKEN_FILE: file,
  // oxlint-disable-next-line node/no-process-env -- a program of its own, which has no other way
} = process.env;
const host = played ?? 'management.azure.com';
// A real authority is known to be genuine; that of a stand-in is not.
const credential = new WorkloadIdentityCredential(played === undefined ? {} : { disableInstanceDiscovery: true });
try {
  const { token } = await credential.getToken(`https://${host}/.default`);
  const response = await fetch(
    `https://${host}/subscriptions/${subscription}/resourceGroups/${group}?api-version=2022-09-01`,
    {
      method: verb === 'write' ? 'PUT' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(verb === 'write' && { body: '{"location":"northeurope"}' }),
    },
  );
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  process.stdout.write(`${(JSON.parse(text) as { location: string }).location}\n`);
  if (next !== undefined) {
    copyFileSync(next, file!);
    await credential.getToken('https://graph.microsoft.com/.default');
    process.stdout.write('the first token is kept\n');
    // As if the program had worked on for six minutes.
    const real = Date.now.bind(Date);
    Date.now = () => real() + 360_000;
    await credential.getToken('https://vault.azure.net/.default');
    process.stdout.write('the file is never read again\n');
  }
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
