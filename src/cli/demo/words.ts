import type { Check } from '../../domain/trust.ts';
import type { SandboxLogLine } from '../../sandbox/log.ts';

/** The policy's own checks one by one; those of the token itself, when they all hold, in one line. */
export function checkTexts(checks: readonly Check[]): string[] {
  const token = checks.filter((check) => !isOfPolicy(check));
  const failed = token.filter((check) => check.result !== 'pass');
  return [
    ...(failed.length === 0
      ? [`✓ token: ${token.length} checks of issuer, audience, times and claims`]
      : failed.map(checkText)),
    ...checks.filter(isOfPolicy).map(checkText),
  ];
}

function isOfPolicy(check: Check): boolean {
  return check.step.startsWith('statement') || check.step === 'decision';
}

function checkText(check: Check): string {
  if (check.result !== 'pass') return `${check.result === 'fail' ? '✗' : '?'} ${check.sentence}`;
  if (check.step === 'decision') return `✓ ${check.sentence}`;
  const compared = check.key === check.operator ? check.operator : `${check.operator} ${check.key}`;
  return `✓ ${compared}: ${check.expected}`;
}

/** A time of day; everything in the demo ends within a day. */
export function clock(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return 'unknown';
  return `${new Date(milliseconds).toISOString().slice(11, 19)} UTC`;
}

export function roleName(arn: string | null): string {
  return arn?.split('/').at(-1) ?? 'no role';
}

const lastWords = /^(?:Plan:|Apply complete!|Destroy complete!|No changes\.|\+ planned_as)/;

/** Terraform's own last word on what it did, and the calls that the stand-in saw it make. */
export function summary(output: string, log: readonly SandboxLogLine[]): string[] {
  const found = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => lastWords.test(line));
  const calls = log.map((line) => line.action).filter((action) => action !== 'sts:AssumeRoleWithWebIdentity');
  return [
    ...(found.length > 0 ? [found.join(' ')] : []),
    ...(calls.length > 0 ? [`calls made: ${[...new Set(calls)].join(', ')}`] : []),
  ];
}

export function tail(output: string): string[] {
  return output.trimEnd().split('\n').slice(-12);
}
