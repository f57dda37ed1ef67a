import { z } from 'zod';
import { fetchFrom, issuerUrl } from '../issuer-schema.ts';
import { nativeDocument, port, seconds } from '../part-schema.ts';

const document = nativeDocument('must be a native document, its YAML as text, or a file with it');

const name = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'is not the name of a namespace');

/** The part `kubernetes` of a sandbox configuration: one table of what may be set, also the source of its JSON Schema. */
export const kubernetesSchema = z.strictObject({
  port,
  authentication: document.describe(
    'whom the API server trusts: an AuthenticationConfiguration (or a document OidcFlags for the older flags), its YAML as text, or the path of a file with it',
  ),
  rbac: z
    .array(document)
    .max(1000)
    .default([])
    .describe(
      'ClusterRole, Role and binding objects, besides those that every cluster has; text or a file may hold several',
    ),
  namespaces: z
    .array(name)
    .max(1000)
    .default([])
    .describe('namespaces that exist from the start, besides default and the kube- ones'),
  config_maps: z
    .record(name, z.record(z.string(), z.record(z.string(), z.string())))
    .default({})
    .describe('config maps that exist from the start: namespace, name, entries'),
  fetch_from: z
    .record(issuerUrl, fetchFrom.unwrap())
    .default({})
    .describe('where discovery and keys of an issuer are really fetched, by its URL'),
  key_refetch_seconds: seconds(0, 86_400)
    .optional()
    .describe(
      'on an unknown key id keys are read again, but not within this time of the last reading; as the API server, it follows max-age of the keys, less 30 s, when absent',
    ),
});

export type KubernetesSchema = z.infer<typeof kubernetesSchema>;
