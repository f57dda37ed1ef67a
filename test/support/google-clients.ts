import { fileURLToPath } from 'node:url';
import { projectId } from './gcp-project.ts';
import type { ProgramName } from './programs.ts';

/** A program of Google's, or one on a library of Google's, that reads a secret. */
export interface GoogleClient {
  readonly name: string;
  readonly needs: readonly ProgramName[];
  /** The command that prints the secret, waits that many seconds, and prints it again in the same session. */
  command(secret: string, waitSeconds?: number): readonly string[];
}

const python = `
import base64, os, sys, time
import google.auth
from google.auth.transport.requests import AuthorizedSession

project, secret, waits = sys.argv[1], sys.argv[2], sys.argv[3:]
credentials, _ = google.auth.default(scopes=['https://www.googleapis.com/auth/cloud-platform'])
session = AuthorizedSession(credentials)
url = f"{os.environ['GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT']}projects/{project}/secrets/{secret}/versions/latest:access"
for wait in ['0', *waits]:
    time.sleep(float(wait))
    answer = session.get(url)
    if answer.status_code != 200:
        sys.exit(answer.text)
    print(base64.b64decode(answer.json()['payload']['data']).decode(), flush=True)
`;

const script = fileURLToPath(new URL('google-client.ts', import.meta.url));
const waits = (seconds: number | undefined): string[] => (seconds === undefined ? [] : [String(seconds)]);

/** Every client that the tests know, each with the way in which people use it. */
export const googleClients: readonly GoogleClient[] = [
  {
    name: 'gcloud',
    needs: ['gcloud'],
    command(secret, waitSeconds) {
      const read = `gcloud secrets versions access latest --secret=${secret} --project=${projectId}`;
      return ['sh', '-c', waitSeconds === undefined ? read : `${read} && echo && sleep ${waitSeconds} && ${read}`];
    },
  },
  {
    name: 'google-auth for Python',
    needs: ['python-google-auth'],
    command: (secret, waitSeconds) => ['python3', '-c', python, projectId, secret, ...waits(waitSeconds)],
  },
  {
    name: 'google-auth-library for Node',
    needs: [],
    command: (secret, waitSeconds) => [process.execPath, script, projectId, secret, ...waits(waitSeconds)],
  },
];

/** What keeps these programs from asking, reporting, and leaving the machine; a stray call outside fails at once. */
export const googleEnvironment: Readonly<Record<string, string>> = {
  CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
  CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: 'true',
  CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: 'true',
  // Else google-auth asks cloudresourcemanager.googleapis.com for the id of the pool's project.
  GOOGLE_CLOUD_PROJECT: projectId,
  HTTPS_PROXY: 'http://127.0.0.1:1',
  NO_PROXY: '127.0.0.1,localhost',
};
