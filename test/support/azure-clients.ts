import { fileURLToPath } from 'node:url';
import { requireProgram, type ProgramName } from './programs.ts';

/** A program on a library of Microsoft's, or on that of Terraform's providers, that reads a resource group. */
export interface AzureClient {
  readonly name: string;
  readonly needs: readonly ProgramName[];
  /** The command that prints the group's location, or makes the group. */
  command(verb: 'read' | 'write', group: string): readonly string[];
  /** The same, then puts another token into the file and asks for more; absent where the token is no file. */
  readonly renewing?: (group: string, tokenFile: string) => readonly string[];
}

const python = `
import os, shutil, sys, time
import requests
from azure.identity import WorkloadIdentityCredential

verb, group, *following = sys.argv[1:]
played = os.environ.get('ARM_METADATA_HOSTNAME')
host = played or 'management.azure.com'
url = f"https://{host}/subscriptions/{os.environ['ARM_SUBSCRIPTION_ID']}/resourceGroups/{group}?api-version=2022-09-01"
credential = WorkloadIdentityCredential(disable_instance_discovery=played is not None)
try:
    headers = {'Authorization': 'Bearer ' + credential.get_token(f'https://{host}/.default').token}
    if verb == 'write':
        answer = requests.put(url, headers=headers, json={'location': 'northeurope'})
    else:
        answer = requests.get(url, headers=headers)
    if not answer.ok:
        sys.exit(answer.text)
    print(answer.json()['location'], flush=True)
    for token_file in following:
        shutil.copyfile(token_file, os.environ['AZURE_FEDERATED_TOKEN_FILE'])
        credential.get_token('https://graph.microsoft.com/.default')
        print('the first token is kept', flush=True)
        # As if the program had worked on for eleven minutes.
        real = time.time
        time.time = lambda: real() + 660
        credential.get_token('https://vault.azure.net/.default')
        print('the file is never read again')
except Exception as error:
    sys.exit(str(error))
`;

const script = fileURLToPath(new URL('azure-client.ts', import.meta.url));

/** Every client that the tests know, each with the way in which people use it. */
export const azureClients: readonly AzureClient[] = [
  {
    name: '@azure/identity for Node',
    needs: [],
    command: (verb, group) => [process.execPath, script, verb, group],
    renewing: (group, tokenFile) => [process.execPath, script, 'read', group, tokenFile],
  },
  {
    name: 'azure-identity for Python',
    needs: ['python-azure-identity'],
    command: (verb, group) => ['python3', '-c', python, verb, group],
    renewing: (group, tokenFile) => ['python3', '-c', python, 'read', group, tokenFile],
  },
  {
    name: "the library of Terraform's azurerm and azuread",
    needs: ['go-azure-sdk'],
    command: (verb, group) => [requireProgram('go-azure-sdk'), verb, group, '1'],
  },
];

/** A stray call outside fails at once. */
export const azureEnvironment: Readonly<Record<string, string>> = {
  HTTPS_PROXY: 'http://127.0.0.1:1',
  NO_PROXY: '127.0.0.1,localhost',
};
