import type { CredentialSet } from '../../domain/credential.ts';
import { AppError } from '../../domain/errors.ts';
import type { IdentityToken } from '../../domain/token.ts';
import type { SharedFiles, TaggedSet } from '../platform.ts';
import type { AwsConfiguration } from './configure.ts';

/** Where a set goes and under which name the session will be known. */
export interface AwsPlace {
  /** Absolute, the same in plan and apply. */
  readonly directory: string;
  readonly sessionName: string;
}

const defaultProfile = '0-default';

/** Configuration and token → files, environment and input variable. Pure. */
export function renderAws(
  configuration: AwsConfiguration,
  token: IdentityToken,
  place: AwsPlace,
): Omit<CredentialSet, 'renew'> {
  const tokenFile = `${place.directory}/token`;
  const configFile = `${place.directory}/config`;
  const sessionName = awsSessionName(place.sessionName);
  return {
    environment: {
      AWS_ROLE_ARN: configuration.roleArn,
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ROLE_SESSION_NAME: sessionName,
    },
    files: [
      { name: 'token', contents: token.compact },
      {
        name: 'config',
        contents: iniSection('default', {
          role_arn: configuration.roleArn,
          web_identity_token_file: tokenFile,
          role_session_name: sessionName,
        }),
      },
    ],
    input: { shared_config_file: configFile },
    expiresAt: token.expiresAt,
  };
}

/**
 * One shared configuration file with a profile for each tag (`0-default` for the default configuration), and no
 * `[default]`: whoever names no profile gets no identity. A state backend says `profile = "TAG"`. Pure.
 */
export function renderAwsTogether(parts: readonly TaggedSet[], directory: string): SharedFiles {
  const sections = parts.map(({ tag, set }) => {
    const config = set.files.find((file) => file.name === 'config');
    if (typeof config?.contents !== 'string') throw new TypeError('an AWS credential set without its config file');
    return config.contents.replace(/^\[default\]/, `[profile ${tag ?? defaultProfile}]`);
  });
  return {
    environment: { AWS_CONFIG_FILE: `${directory}/config` },
    files: [{ name: 'config', contents: sections.join('\n') }],
  };
}

/**
 * A name that STS takes as `RoleSessionName`: 2 to 64 of `[\w+=,.@-]`; other characters become `-`.
 *
 * @see AWS STS API, AssumeRoleWithWebIdentity, RoleSessionName
 */
export function awsSessionName(name: string): string {
  const clean = name.replace(/[^\w+=,.@-]/g, '-').slice(0, 64);
  return clean.length < 2 ? `hallpass-${clean}` : clean;
}

function iniSection(name: string, values: Readonly<Record<string, string>>): string {
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${iniValue(key, value)}`);
  return [`[${name}]`, ...lines, ''].join('\n');
}

/** The SDKs know no quotes there: a line feed, a blank at an end, or ` #` and ` ;` would change the meaning. */
function iniValue(key: string, value: string): string {
  if (!/[\p{Cc}\u2028\u2029]|^\s|\s$|\s[#;]/u.test(value)) return value;
  throw new AppError('directory_invalid', {
    what: `${JSON.stringify(value)} cannot stand in an AWS configuration file as ${key}`,
    where: 'AWS shared configuration file',
    mend: 'choose a run directory (HALLPASS_RUN_DIR) without control characters, blanks at its end, " #" or " ;"',
  });
}
