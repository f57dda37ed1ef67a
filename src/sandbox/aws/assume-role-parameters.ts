import { counted } from '../../domain/counted.ts';
import { accountOfRole } from '../../platforms/aws/arn.ts';
import { AwsRefusal } from './refusal.ts';

/** What a caller of AssumeRoleWithWebIdentity asks for, checked for form. */
export interface AssumeRoleParameters {
  readonly roleArn: string;
  readonly roleAccount: string;
  readonly sessionName: string;
  /** The compact token: secret, never in a message. */
  readonly token: string;
  readonly durationSeconds: number;
  readonly policy: string | null;
}

interface Rule {
  readonly name: string;
  readonly member: string;
  readonly required: boolean;
  readonly least: number;
  readonly most: number;
  readonly pattern?: string;
  readonly secret?: true;
}

/** The API model's own limits. */
const rules: readonly Rule[] = [
  { name: 'RoleArn', member: 'roleArn', required: true, least: 20, most: 2048 },
  { name: 'RoleSessionName', member: 'roleSessionName', required: true, least: 2, most: 64, pattern: '[\\w+=,.@-]*' },
  { name: 'WebIdentityToken', member: 'webIdentityToken', required: true, least: 4, most: 20_000, secret: true },
  { name: 'ProviderId', member: 'providerId', required: false, least: 4, most: 2048 },
  { name: 'Policy', member: 'policy', required: false, least: 1, most: 2048 },
];
const leastSeconds = 900;
const mostSeconds = 43_200;
const defaultSeconds = 3600;

/**
 * Checks the parameters as the API model states them; all faults are told at once, as AWS does.
 *
 * @throws {AwsRefusal} `ValidationError`
 */
export function readAssumeRoleParameters(parameters: URLSearchParams): AssumeRoleParameters {
  const faults = [
    ...rules.flatMap((rule) => faultsOf(rule, parameters.get(rule.name))),
    ...durationFaults(parameters.get('DurationSeconds')),
  ];
  if (faults.length > 0) {
    throw new AwsRefusal(
      'ValidationError',
      400,
      `${counted(faults.length, 'validation error')} detected: ${faults.join('; ')}`,
      { reasons: faults },
    );
  }
  refuseUnmodelled(parameters);
  const roleArn = parameters.get('RoleArn')!;
  const roleAccount = accountOfRole(roleArn);
  if (roleAccount === null)
    throw new AwsRefusal('ValidationError', 400, 'Request ARN is invalid', {
      reasons: [`${roleArn} is not the ARN of a role`],
    });
  return {
    roleArn,
    roleAccount,
    sessionName: parameters.get('RoleSessionName')!,
    token: parameters.get('WebIdentityToken')!,
    durationSeconds: Number(parameters.get('DurationSeconds') ?? defaultSeconds),
    policy: parameters.get('Policy'),
  };
}

function faultsOf(rule: Rule, value: string | null): string[] {
  const fault = (shown: string, must: string): string =>
    `${shown} at '${rule.member}' failed to satisfy constraint: Member must ${must}`;
  if (value === null) return rule.required ? [fault('Value null', 'not be null')] : [];
  const shown = rule.secret ? 'Value' : `Value '${value}'`;
  return [
    ...(value.length < rule.least ? [fault(shown, `have length greater than or equal to ${rule.least}`)] : []),
    ...(value.length > rule.most ? [fault(shown, `have length less than or equal to ${rule.most}`)] : []),
    ...(rule.pattern && !new RegExp(`^(?:${rule.pattern})$`).test(value)
      ? [fault(shown, `satisfy regular expression pattern: ${rule.pattern}`)]
      : []),
  ];
}

function durationFaults(value: string | null): string[] {
  if (value === null) return [];
  const fault = (must: string): string[] => [
    `Value '${value}' at 'durationSeconds' failed to satisfy constraint: Member must have value ${must}`,
  ];
  if (!/^-?\d{1,9}$/.test(value)) return fault('that is a whole number');
  if (Number(value) < leastSeconds) return fault(`greater than or equal to ${leastSeconds}`);
  return Number(value) > mostSeconds ? fault(`less than or equal to ${mostSeconds}`) : [];
}

/** Refused rather than ignored: ignoring a session policy would widen what the caller asked to narrow. */
function refuseUnmodelled(parameters: URLSearchParams): void {
  if (parameters.has('ProviderId'))
    throw new AwsRefusal(
      'ValidationError',
      400,
      'ProviderId is for OAuth 2.0 providers and may not be given with an OpenID Connect token',
      { reasons: ['ProviderId was given'] },
    );
  if ([...parameters.keys()].some((name) => name.startsWith('PolicyArns.member.')))
    throw new AwsRefusal('ValidationError', 400, 'PolicyArns is not supported by this stand-in; use Policy', {
      reasons: ['the stand-in has no managed policies to narrow the session with'],
    });
}
