import { existsSync } from 'node:fs';
import { formatDuration } from '../../domain/duration.ts';
import type { PhaseEvent } from '../../environment/phase.ts';
import type { SandboxLogLine } from '../../sandbox/log.ts';
import type { DemoStep, Tale } from './tale.ts';
import { checkTexts, clock, roleName, summary, tail } from './words.ts';

/** What one phase showed; filled while it runs. */
export interface Seen {
  readonly log: SandboxLogLine[];
  output: string;
}

/** Who is told what happens in a phase and at the stand-in. */
export interface Listener {
  readonly event: (event: PhaseEvent) => void;
  readonly logLine: (line: SandboxLogLine) => void;
}

export interface SevenSteps extends Listener {
  readonly finish: (exitCode: number) => void;
}

type Step = Omit<DemoStep, 'part'>;

/** Tells steps 1 to 5 of a phase when they happen, 6 and 7 when it is over. */
export function tellSevenSteps(tale: Tale, part: string, seen: Seen): SevenSteps {
  const tell = (step: Step): void => tale.step({ part, ...step });
  let directory = '';
  let isExchanged = false;
  return {
    event: (event) => {
      if (event.type === 'environment_opened') directory = event.directory;
      if (event.type === 'token_minted') tell(tokenStep(event));
    },
    logLine: (line) => {
      if (isExchanged || line.action !== 'sts:AssumeRoleWithWebIdentity') return;
      isExchanged = true;
      [sentStep, judgedStep, credentialsStep].forEach((step) => tell(step(line)));
      tell(environmentStep(directory, line.outcome === 'ok'));
    },
    finish: (exitCode) => {
      if (!isExchanged) tell(nothingSentStep(seen));
      tell(commandStep(exitCode, seen));
      tell(teardownStep(directory));
    },
  };
}

function tokenStep({ token }: Extract<PhaseEvent, { type: 'token_minted' }>): Step {
  const { claims, kid } = token;
  return {
    step: 1,
    title: 'token',
    ok: true,
    lines: [
      claims.sub,
      `for ${claims.aud}, good for ${formatDuration(claims.exp - claims.iat)}, signed with key ${kid.slice(0, 8)}…, audited before it was released`,
    ],
    data: { claims },
  };
}

function sentStep(line: SandboxLogLine): Step {
  return {
    step: 2,
    title: 'sent',
    ok: true,
    lines: [`to AWS: ${line.action}, by the program that runs in the phase`],
    data: { action: line.action, role: line.role },
  };
}

function judgedStep(line: SandboxLogLine): Step {
  return {
    step: 3,
    title: 'judged',
    ok: line.outcome === 'ok',
    lines: [`by the issuer's public key and the trust policy of ${roleName(line.role)}`, ...checkTexts(line.checks)],
    data: { checks: line.checks.map((check) => ({ ...check })) },
  };
}

function credentialsStep(line: SandboxLogLine): Step {
  const isOk = line.outcome === 'ok';
  return {
    step: 4,
    title: 'credentials',
    ok: isOk,
    lines: [
      isOk
        ? `of ${roleName(line.role)}, until ${clock(Date.parse(line.expires_at ?? ''))}`
        : `${line.code}: ${line.message}`,
    ],
    data: { role: line.role, expires_at: line.expires_at },
  };
}

function environmentStep(directory: string, ok: boolean): Step {
  return {
    step: 5,
    title: 'environment',
    ok,
    lines: [`AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, files in ${directory}, for this phase only`],
    data: { directory },
  };
}

function nothingSentStep(seen: Seen): Step {
  return {
    step: 2,
    title: 'sent',
    ok: false,
    lines: ['no exchange was seen at the stand-in', ...tail(seen.output)],
    data: {},
  };
}

function commandStep(exitCode: number, seen: Seen): Step {
  const ok = exitCode === 0;
  return {
    step: 6,
    title: 'run',
    ok,
    lines: ok ? summary(seen.output, seen.log) : [`exit code ${exitCode}`, ...tail(seen.output)],
    data: { exit_code: exitCode },
  };
}

function teardownStep(directory: string): Step {
  const ok = directory !== '' && !existsSync(directory);
  return {
    step: 7,
    title: 'torn down',
    ok,
    lines: [ok ? `${directory} is gone, and the token with it` : `${directory} is still there`],
    data: { directory },
  };
}
