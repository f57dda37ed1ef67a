import { readKubernetesTrust, type KubernetesTrust } from '../../platforms/kubernetes/trust-policy.ts';
import type { DocumentReader } from '../document-reader.ts';
import type { KubernetesSchema } from './config-schema.ts';

/** One cluster as the stand-in plays it: checked, every document read. */
export interface KubernetesConfig extends Omit<KubernetesSchema, 'authentication' | 'rbac'> {
  /** What each document says; joined when the cluster is opened. */
  readonly documents: readonly KubernetesTrust[];
}

/** Reads the part `kubernetes` of a sandbox configuration. */
export async function readKubernetesConfig(
  { authentication, rbac, ...rest }: KubernetesSchema,
  documents: DocumentReader,
): Promise<KubernetesConfig> {
  documents.refuseDoubles(['namespaces'], rest.namespaces);
  const read = [await documents.read(authentication, ['authentication'], readDocument)];
  for (const [index, one] of rbac.entries()) read.push(await documents.read(one, ['rbac', index], readDocument));
  const known = read.flatMap(({ authenticators }) => authenticators.map(({ issuer }) => issuer));
  if (known.length === 0)
    throw documents.invalid(['authentication'], {
      what: 'no issuer is trusted',
      mend: 'give an AuthenticationConfiguration with at least one entry under jwt',
    });
  for (const issuer of Object.keys(rest.fetch_from))
    if (!known.includes(issuer))
      throw documents.invalid(['fetch_from', issuer], {
        what: `${issuer} is not trusted by the authentication configuration`,
        mend: `it knows ${known.join(', ')}`,
      });
  return { ...rest, documents: read };
}

/** An issuer on loopback has no https; nobody else can listen in on it. */
function readDocument(text: string): KubernetesTrust {
  return readKubernetesTrust(text, { httpOnLoopback: true });
}
