import { z } from 'zod';
import { fetchFrom, issuerUrl } from '../issuer-schema.ts';
import { keyRefetchSeconds, latencyMilliseconds, nativeDocument, port, seconds } from '../part-schema.ts';

const policyDocument = nativeDocument('must be a policy document, its JSON as text, or a file with it').describe(
  'a native IAM policy document, its JSON as text, or the path of a file with it',
);

const tags = z.record(z.string().min(1).max(128), z.string().max(256));

const provider = z.strictObject({
  url: issuerUrl.describe('URL of the OIDC provider; must equal iss'),
  client_ids: z.array(z.string().min(1).max(255)).max(100).default([]).describe('audiences that this provider accepts'),
  fetch_from: fetchFrom,
});

const role = z.strictObject({
  name: z
    .string()
    .regex(/^[\w+=,.@-]{1,64}$/, 'must have 1 to 64 letters, digits or any of _+=,.@-')
    .describe('name of the role, without its path'),
  path: z
    .string()
    .max(512)
    .regex(/^\/(?:[\x21-\x2e\x30-\x7e]+\/)*$/, 'must start and end with /')
    .default('/')
    .describe('IAM path, such as /terraform/'),
  trust_policy: policyDocument,
  policies: z.array(policyDocument).default([]).describe('identity policies: what the role may do'),
  max_session_duration: seconds(3600, 43_200).default(3600).describe('seconds, as in IAM'),
  tags: tags.default({}).describe('tags of the role, for iam:ResourceTag and aws:PrincipalTag'),
});

/** The part `aws` of a sandbox configuration: one table of what may be set, also the source of its JSON Schema. */
export const awsSchema = z.strictObject({
  port,
  account: z
    .union([z.string(), z.number().transform((value) => String(value))])
    .pipe(z.string().regex(/^\d{12}$/, 'must be 12 digits; put them in quotes when they start with 0'))
    .default('111122223333')
    .describe('the account that the stand-in plays'),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, 'must be the name of a Region, such as us-east-1')
    .default('us-east-1')
    .describe('the Region that the printed variables name; others work too, each with parameters of its own'),
  session_seconds: seconds(1, 43_200)
    .optional()
    .describe(
      'life of temporary credentials whatever the caller asks for; may be shorter than the 900 s of AWS, to test renewal',
    ),
  clock_skew_seconds: seconds(0, 900)
    .default(0)
    .describe('tolerance for exp, nbf and iat; AWS does not publish its own, so that relying on one would be luck'),
  key_cache_seconds: seconds(0, 86_400)
    .default(300)
    .describe("how long an issuer's keys are kept; AWS does not publish its own"),
  key_refetch_seconds: keyRefetchSeconds,
  providers: z
    .array(provider)
    .max(100)
    .default([])
    .describe('OIDC providers of the account: the issuers that it trusts'),
  roles: z.array(role).default([]),
  parameters: z
    .record(z.string().regex(/^[\w./-]{1,1011}$/, 'is not a parameter name'), z.string().min(1).max(4096))
    .default({})
    .describe('SSM parameters that exist from the start: name and String value'),
  latency_milliseconds: latencyMilliseconds(
    z.string().regex(/^[a-z0-9-]+:[A-Za-z]+$/, 'must be an action, such as ssm:PutParameter'),
  ),
});

export type AwsSchema = z.infer<typeof awsSchema>;
