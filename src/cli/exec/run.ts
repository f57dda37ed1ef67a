import type { CredentialRequest } from '../../domain/credential.ts';
import type { Lease } from '../../domain/lease.ts';
import type { Secret } from '../../domain/secret.ts';
import type { Claims } from '../../domain/token.ts';
import type { Phase } from '../../domain/workload.ts';
import type { Isolation, PhaseEvent, PhaseOutcome } from '../../environment/phase.ts';
import { processSignals, type SignalSource } from '../../environment/signals.ts';
import { requestsFor } from '../../platforms/index.ts';
import type { CliContext } from '../context.ts';
import { eventText, openingText, platformName, refusalText, warningText } from '../explain.ts';
import type { OpenWorkload } from '../open-workload.ts';

/** What the options of `exec` say, checked. */
export interface ExecOptions {
  readonly passEnvironment: readonly string[];
  readonly inheritHome: boolean;
  readonly isolation: Isolation;
  readonly redact: boolean | 'auto';
  readonly explain: boolean;
}

/** An open workload together with how its commands are to be run. */
export interface Execution {
  readonly context: CliContext;
  readonly open: OpenWorkload;
  readonly options: ExecOptions;
  readonly signals: SignalSource;
  /** The caller's variables, as far as the command may see them at all. */
  readonly parentEnvironment: Readonly<Record<string, string>>;
  /** The workload's own variables for the command. */
  readonly childVariables: ReadonlyMap<string, Secret | string>;
}

/** One command in one phase. */
export interface PhaseCommand {
  readonly lease: Lease;
  readonly requests: readonly CredentialRequest[];
  /** Absolute path of the program, and its arguments. */
  readonly line: readonly string[];
  /** The private directory that a saved plan demands. */
  readonly directory?: string;
  /** Exit codes beside 0 that are no failure, such as 2 of `plan -detailed-exitcode`. */
  readonly alsoFine?: readonly number[];
}

export function newExecution(context: CliContext, open: OpenWorkload, options: ExecOptions): Execution {
  return {
    context,
    open,
    options,
    signals: processSignals(process),
    parentEnvironment: context.settings.parentEnvironment,
    childVariables: open.workload.childVariables,
  };
}

/** What the workload's variables ask for in a phase. */
export function requestsOf(open: OpenWorkload, phase: Phase): readonly CredentialRequest[] {
  return requestsFor(open.workload.variables, phase, { workspace: open.workload.workspace.name });
}

/** Runs one command in one phase, and says on standard error what people must know. */
export async function runCommand(execution: Execution, command: PhaseCommand): Promise<PhaseOutcome> {
  const { runPhase } = await import('../../environment/run-phase.ts');
  const { context, open, options } = execution;
  const { workload } = open;
  const [file = '', ...args] = command.line;
  context.stderr.write(openingText(command.lease, command.requests));
  return runPhase(
    {
      lease: command.lease,
      requests: command.requests,
      tokens: open.issuer,
      command: { file, args },
      variables: execution.childVariables,
      terraformVariables: workload.terraformVariables,
      tokenLifetimeSeconds: workload.tokenLifetimeSeconds,
      tokenEndpoint: workload.tokenEndpoint,
      explain: options.explain ? (exitCode) => !(command.alsoFine ?? []).includes(exitCode) : false,
      settings: {
        ...context.settings,
        parentEnvironment: execution.parentEnvironment,
        passEnvironment: options.passEnvironment,
        inheritHome: options.inheritHome,
        isolation: options.isolation,
        redact: options.redact,
      },
      audit: open.audit,
      report: reporter(context, command.lease),
      ...(command.directory === undefined ? {} : { directoryHint: command.directory }),
    },
    {
      fetch: context.fetch,
      now: context.now,
      stdin: context.stdin,
      stdout: context.stdout,
      stderr: context.stderr,
      signals: execution.signals,
    },
  );
}

/** Turns a phase's events into lines; a refusal is shown with the claims of the token that was refused. */
function reporter(context: CliContext, lease: Lease): (event: PhaseEvent) => void {
  const claims = new Map<string, Claims>();
  const next = lease.workload.kind === 'workspace_run' ? `hallpass doctor --phase ${lease.workload.phase}` : null;
  return (event) => {
    if (event.type === 'token_minted') claims.set(platformName(event.request), event.token.claims);
    const text =
      event.type === 'refused'
        ? refusalText(event.refusal, claims.get(platformName(event.refusal)) ?? null, next)
        : eventText(event);
    if (text !== null) context.stderr.write(text);
  };
}

/** Says that nothing was configured, since a command without credentials then fails in ways that are hard to read. */
export function warnWithoutRequests(context: CliContext, requests: readonly CredentialRequest[]): void {
  if (requests.length > 0) return;
  context.stderr.write(
    warningText({
      what: 'no configuration of a platform is switched on: the command gets no token and no credentials',
      mend: 'set TFC_AWS_PROVIDER_AUTH=true and TFC_AWS_RUN_ROLE_ARN, or TFC_WORKLOAD_IDENTITY_AUDIENCE, in hallpass.yaml or the environment',
    }),
  );
}
