import { z } from 'zod';
import { fetchFrom } from '../issuer-schema.ts';
import { keyRefetchSeconds, latencyMilliseconds, nativeDocument, port, seconds } from '../part-schema.ts';

const policyDocument = nativeDocument('must be an IAM policy, its JSON as text, or a file with it').describe(
  'an IAM policy as get-iam-policy --format=json prints it, its JSON as text, or the path of a file with it',
);

const provider = z.strictObject({
  provider: nativeDocument('must be a workload identity pool provider, its JSON as text, or a file with it').describe(
    'the provider as "gcloud iam workload-identity-pools providers describe --format=json" prints it, its JSON as text, or the path of a file with it',
  ),
  fetch_from: fetchFrom,
});

const secretName = z.string().regex(/^[A-Za-z0-9_-]{1,255}$/, 'is not the name of a secret');
const secretValue = z.string().min(1).max(65_536);

/** The part `gcp` of a sandbox configuration: one table of what may be set, also the source of its JSON Schema. */
export const gcpSchema = z.strictObject({
  port,
  project: z
    .strictObject({
      id: z
        .string()
        .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'must have 6 to 30 lower-case letters, digits or hyphens')
        .default('acme-payments'),
      number: z
        .union([z.string(), z.number().transform((value) => String(value))])
        .pipe(z.string().regex(/^[1-9]\d{5,18}$/, 'must be the number of a project, not its id'))
        .default('123456789012'),
    })
    .prefault({})
    .describe('the project that the stand-in plays'),
  token_seconds: seconds(1, 3600)
    .default(3600)
    .describe('longest life of an access token, whatever the caller asks for; short ones test renewal'),
  clock_skew_seconds: seconds(0, 900)
    .default(60)
    .describe('tolerance for exp and iat; Google does not publish its own, about 60 s were measured'),
  key_cache_seconds: seconds(0, 86_400)
    .default(300)
    .describe("how long an issuer's keys are kept; Google does not publish its own"),
  key_refetch_seconds: keyRefetchSeconds,
  providers: z
    .array(provider)
    .max(200)
    .default([])
    .describe('workload identity pool providers: the issuers that the project trusts'),
  service_accounts: z
    .record(
      z.string().regex(/^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$/, 'is not the email of a service account'),
      policyDocument,
    )
    .default({})
    .describe('service accounts by email, each with its IAM policy: who may act as it'),
  iam_policy: policyDocument.default({}).describe('IAM policy of the project: who may read and write its secrets'),
  secrets: z
    .record(
      secretName,
      z.union(
        [secretValue, z.strictObject({ value: secretValue, iam_policy: policyDocument.default({}) })],
        'must be a text, or a mapping of value and iam_policy',
      ),
    )
    .default({})
    .describe('secrets that exist from the start: name and value, or value and iam_policy'),
  latency_milliseconds: latencyMilliseconds(
    z.string().regex(/^[a-z]+:[A-Za-z.]+$/, 'must be an action, such as secretmanager:versions.access'),
  ),
});

export type GcpSchema = z.infer<typeof gcpSchema>;
