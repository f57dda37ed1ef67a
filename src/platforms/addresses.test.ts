import { describe, expect, it } from 'vitest';
import { exampleIo, exampleToken } from './conformance.ts';
import { isTokenAddress, requestsFor } from './index.ts';
import { platforms } from './registry.ts';

const variables: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  aws: { TFC_AWS_PROVIDER_AUTH: 'true', TFC_AWS_RUN_ROLE_ARN: 'arn:aws:iam::111122223333:role/plan' },
  azure: { TFC_AZURE_PROVIDER_AUTH: 'true', TFC_AZURE_RUN_CLIENT_ID: '11111111-1111-1111-1111-111111111111' },
  gcp: {
    TFC_GCP_PROVIDER_AUTH: 'true',
    TFC_GCP_RUN_SERVICE_ACCOUNT_EMAIL: 'plan@payments.iam.gserviceaccount.com',
    TFC_GCP_WORKLOAD_PROVIDER_NAME: 'projects/1/locations/global/workloadIdentityPools/hallpass/providers/acme',
  },
  kubernetes: { TFC_KUBERNETES_PROVIDER_AUTH: 'true', TFC_KUBERNETES_WORKLOAD_IDENTITY_AUDIENCE: 'k8s' },
  vault: { TFC_VAULT_PROVIDER_AUTH: 'true', TFC_VAULT_ADDR: 'https://vault.example', TFC_VAULT_RUN_ROLE: 'plan' },
};

/** Read on the way to an address, but they lead to no host of somebody's choice. */
const harmless: readonly string[] = [
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'ARM_TENANT_ID',
  'AZURE_TENANT_ID',
  'ARM_ENVIRONMENT',
  'KUBE_CLUSTER_CA_CERT_DATA',
  'KUBE_TLS_SERVER_NAME',
  'KUBE_INSECURE',
];

/** Explains a refusal with these variables of the run; gives what was read of them, and which hosts were asked. */
async function explained(platform: string, environment: Readonly<Record<string, string>>) {
  const read = new Set<string>();
  const hosts = new Set<string>();
  const io = exampleIo({
    environment: new Proxy(environment, {
      get: (target, name: string) => {
        read.add(name);
        return target[name];
      },
    }),
    fetch: async (input) => {
      hosts.add(new URL(input instanceof Request ? input.url : input).hostname);
      return Response.json({ access_token: 'a' }, { status: 200 });
    },
  });
  const all = new Map(Object.entries(variables[platform] ?? {}));
  const [request] = requestsFor(all, 'plan', { workspace: 'web' });
  await request!.explain!(exampleToken(), io);
  return { read: [...read], hosts: [...hosts] };
}

describe.each(platforms.map(({ id, addresses }) => [id, addresses] as const))('%s', (id, addresses) => {
  const ofTheRun = addresses.filter((name) => !name.startsWith('TFC_'));

  it('says of every variable that it reads whether it names an address', async () => {
    const named = Object.fromEntries([...ofTheRun.map((name) => [name, '']), ['ARM_TENANT_ID', 'contoso.example']]);
    const { read } = await explained(id, named);
    expect(read.filter((name) => !harmless.includes(name)).toSorted()).toEqual([...ofTheRun].toSorted());
  });

  it.each(ofTheRun)('sends a token where %s says', async (name) => {
    const host = 'theirs.example';
    const { hosts } = await explained(id, {
      [name]: name.startsWith('ARM_') ? host : `https://${host}/`,
      ARM_TENANT_ID: 'contoso.example',
    });
    expect(hosts).toContain(host);
  });
});

describe('an address', () => {
  it.each(['TFC_VAULT_ADDR', 'TFC_DEFAULT_VAULT_ADDR', 'TFC_VAULT_ADDR_PROD', 'TFC_VAULT_ADDR_prod', 'KUBE_HOST'])(
    'may stand in %s',
    (name) => {
      expect(isTokenAddress(name)).toBe(true);
    },
  );

  it.each(['TFC_VAULT_ADDRESS', 'TFC_VAULT_RUN_ROLE', 'VAULT_ADDR', 'KUBE_HOST_PROD', 'kube_host', '', '__proto__'])(
    'does not stand in %j',
    (name) => {
      expect(isTokenAddress(name)).toBe(false);
    },
  );
});
