import type { PlatformIo } from '../domain/credential.ts';
import { Secret } from '../domain/secret.ts';
import type { IdentityToken } from '../domain/token.ts';

/** What the suite cannot know by itself about a platform. */
export interface PlatformExamples {
  /** Enough for one configuration, by the names of the table (`ROLE_ARN`). */
  readonly values: Readonly<Record<string, string>>;
  /** Other valid values, at least for each name of `values`; all together they make a configuration too. */
  readonly otherValues: Readonly<Record<string, string>>;
  /** Further ways to make one configuration; every variable stands in `values`, `otherValues` or one of these. */
  readonly alternatives?: readonly Readonly<Record<string, string>>[];
  /** Values that must be refused, by name. */
  readonly refused: Readonly<Record<string, readonly string[]>>;
  /** Names of variables whose value cannot be seen in a credential set, such as a time limit. */
  readonly unseen?: readonly string[];
  /** `aud` when `values` say nothing of it; null where it must be said. */
  readonly audience: string | null;
  /** Names of the files of `values`, in order. */
  readonly files: readonly string[];
  /** Names of the environment variables of `values`, in order. */
  readonly environment: readonly string[];
  /** Members of the platform's entry in `tfc_<platform>_dynamic_credentials`. */
  readonly members: readonly string[];
  /** How the platform answers what is asked of it in `obtain`, `renew` and `revoke`; absent: nobody is asked. */
  readonly answers?: (request: Request) => Response | Promise<Response>;
}

/** Recognisable in whatever it leaks into. */
export const canary = 'eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJoYWxscGFzcyJ9.c2lnbmF0dXJlLWNhbmFyeQ';

/** A token as the issuer would give it, unsigned. */
export function exampleToken(compact: string = canary, audience = 'aws.workload.identity'): IdentityToken {
  const issuedAt = 1_795_247_030;
  return {
    compact: new Secret(compact),
    claims: {
      iss: 'https://id.example.com',
      aud: audience,
      sub: 'organization:acme:project:payments:workspace:payments-prod:run_phase:plan',
      jti: 'a',
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + 600,
    },
    kid: 'k',
    sha256: 'ab'.repeat(32),
    expiresAt: new Date((issuedAt + 600) * 1000),
  };
}

/** A world in which nobody answers, so that an unasked-for call fails. */
export function exampleIo(changes: Partial<PlatformIo> = {}): PlatformIo {
  return {
    fetch: async (address) => {
      throw new Error(`nobody asked for ${address instanceof Request ? address.url : address.toString()}`);
    },
    now: () => new Date(1_795_247_030_000),
    directory: '/run/hallpass/acme/payments/payments-prod/aws/0-default',
    sessionName: 'run-Zk5uNq8xTg2sVbWe-plan',
    environment: {},
    ...changes,
  };
}
