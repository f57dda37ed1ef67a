import type { CredentialRequest } from '../domain/credential.ts';
import { ConfigurationError } from '../domain/errors.ts';
import type { Phase } from '../domain/workload.ts';
import { placeOf, readVariableName, type VariableTable, type WorkloadVariables } from './variables.ts';

/** Tokens for anything else: the audience is the switch, the token comes in a variable. There is no shared default. */
export const manualVariables: VariableTable = {
  id: 'manual',
  title: 'Manual tokens',
  prefix: 'WORKLOAD_IDENTITY',
  variables: [
    {
      name: 'AUDIENCE',
      isSwitch: true,
      since: '1.7.0',
      about: '`aud` of the token that the run gets as `TFC_WORKLOAD_IDENTITY_TOKEN` (with the same `_TAG`)',
    },
  ],
};

const audienceName = 'TFC_WORKLOAD_IDENTITY_AUDIENCE';
const tokenName = 'TFC_WORKLOAD_IDENTITY_TOKEN';

/**
 * The manual tokens that the variables ask for, the one without a tag first; an empty audience asks for none. Pure.
 *
 * @throws {ConfigurationError} when an audience cannot stand in a token
 */
export function manualRequests(
  variables: WorkloadVariables,
  phase: Phase,
  where: { workspace: string },
): readonly CredentialRequest[] {
  return [...variables]
    .filter(([name, audience]) => audience !== '' && name.startsWith(audienceName))
    .flatMap(([name, audience]) => {
      const tag = readVariableName(name, [manualVariables])?.tag;
      return tag === undefined ? [] : [{ name, tag, audience }];
    })
    .sort((a, b) => compareTags(a.tag, b.tag))
    .map(({ name, tag, audience }) => {
      if (audience.length > 255 || /\p{Cc}/u.test(audience)) {
        throw new ConfigurationError({
          what: `${name} is not an audience: 1 to 255 characters, without control characters`,
          where: placeOf({ tag, phase, workspace: where.workspace }),
          mend: 'give the audience that the other side expects',
        });
      }
      return manualRequest(tag, audience);
    });
}

function compareTags(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : 1;
}

function manualRequest(tag: string | null, audience: string): CredentialRequest {
  return {
    platform: 'manual',
    tag,
    audience,
    offered: null,
    // It stands in a variable, which cannot change while the phase runs.
    rereadsToken: false,
    obtain: async (token) => ({
      environment: { [tag === null ? tokenName : `${tokenName}_${tag}`]: token.compact },
      files: [{ name: 'token', contents: token.compact }],
      input: null,
      expiresAt: token.expiresAt,
    }),
  };
}
