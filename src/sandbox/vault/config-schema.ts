import { z } from 'zod';
import { fetchFrom } from '../issuer-schema.ts';
import { latencyMilliseconds, nativeDocument, port, seconds } from '../part-schema.ts';

const document = nativeDocument('must be a document, its JSON as text, or the path of a file with it').describe(
  'as it is written to the server, its JSON as text, or the path of a file with it',
);

const mountPath = z
  .string()
  .regex(
    /^[\w.-]+(?:\/[\w.-]+)*$/,
    'must be the path of a mount, without slashes at its ends, such as jwt or teams/jwt',
  );

const authMount = z.strictObject({
  config: document.describe('what is written to auth/MOUNT/config; the keys must come from oidc_discovery_url'),
  fetch_from: fetchFrom,
  roles: z
    .record(z.string().regex(/^\w(?:[\w.-]*\w)?$/, 'is not the name of a role'), document)
    .default({})
    .describe('what is written to auth/MOUNT/role/NAME, by name'),
});

const space = z.strictObject({
  auth: z.record(mountPath, authMount).default({}).describe('JWT auth methods, by the path of their mount'),
  policies: z
    .record(z.string().regex(/^[a-z0-9][\w.:-]*$/, 'must be the name of a policy, in lower case'), document)
    .default({})
    .describe('ACL policies by name: HCL of several lines, or JSON'),
  kv: z
    .record(mountPath, z.record(z.string().min(1), z.record(z.string(), z.json())))
    .default({})
    .describe('kv v2 stores: by the path of their mount, the secrets that exist from the start'),
});

/** What a call does, as the log and `latency_milliseconds` name it. */
export const vaultActions = [
  'login',
  'lookup',
  'renew',
  'revoke',
  'create',
  'read',
  'write',
  'list',
  'delete',
  'status',
] as const;

/** The part `vault` of a sandbox configuration. */
export const vaultSchema = space.extend({
  port,
  namespaces: z
    .record(mountPath, space)
    .default({})
    .describe('further namespaces by path, such as team1 or team1/sub; what stands outside is the root namespace'),
  sealed: z.boolean().default(false).describe('answers every call as a sealed server does'),
  token_seconds: seconds(1, 2_764_800)
    .optional()
    .describe('longest lease of any token, whatever its role says; to test renewal'),
  latency_milliseconds: latencyMilliseconds(z.enum(vaultActions)),
});

export type VaultSchema = z.infer<typeof vaultSchema>;
export type SpaceSchema = z.infer<typeof space>;
