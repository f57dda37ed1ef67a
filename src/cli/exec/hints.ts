import type { CredentialRequest } from '../../domain/credential.ts';
import { inputVariableName } from '../../platforms/index.ts';
import { configurationHints, type Configuration } from '../../terraform/configuration.ts';
import type { CliContext } from '../context.ts';
import { warningText } from '../explain.ts';

/** Warns of provider blocks that will find no credentials, once a platform has tagged configurations. */
export function warnOfConfiguration(
  context: CliContext,
  requests: readonly CredentialRequest[],
  configuration: Configuration,
): void {
  for (const { what, mend } of configurationHints(configuration, taggedPlatforms(requests))) {
    context.stderr.write(warningText({ what, mend }));
  }
}

function taggedPlatforms(requests: readonly CredentialRequest[]) {
  const platforms = [...new Set(requests.filter((request) => request.tag !== null).map((request) => request.platform))];
  return platforms
    .filter((platform) => platform !== 'manual')
    .map((platform) => ({
      platform,
      variable: inputVariableName(platform),
      tags: requests.filter((request) => request.platform === platform).map((request) => request.tag),
    }));
}
