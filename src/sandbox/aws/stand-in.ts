import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isJsonObject, type JsonObject } from '../../domain/json.ts';
import type { SandboxLogLine } from '../log.ts';
import type { AwsAccount, Note } from './action.ts';
import type { Answer, HttpCall } from '../http-call.ts';
import { jsonAnswer, queryAnswer, refusalAnswer } from './answer.ts';
import { authenticate } from './authenticate.ts';
import { operationOf, queryParameters, type Operation } from './call.ts';
import { AwsRefusal } from './refusal.ts';
import { ssmActions } from './ssm.ts';
import { stsActions, unsignedStsActions } from './sts.ts';

/** Every action that the stand-in has, as IAM names it. */
export const knownActions: readonly string[] = [
  ...Object.keys({ ...unsignedStsActions, ...stsActions }).map((name) => `sts:${name}`),
  ...Object.keys(ssmActions).map((name) => `ssm:${name}`),
];

/** What a request is told with in the log, while it is learned. */
type Facts = Pick<SandboxLogLine, 'role' | 'principal' | 'resource' | 'checks' | 'expires_at'>;

/** Answers one request as AWS would, and says what became of it. Nothing that a caller sends makes it throw. */
export async function answerCall(
  call: HttpCall | null,
  account: AwsAccount,
  log: (line: SandboxLogLine) => void,
): Promise<Answer> {
  const requestId = randomUUID();
  const operation: Operation = call === null ? { protocol: 'query', service: null, name: null } : operationOf(call);
  const facts: { -readonly [Key in keyof Facts]: Facts[Key] } = {
    role: null,
    principal: null,
    resource: null,
    checks: [],
    expires_at: null,
  };
  const note: Note = (more) => void Object.assign(facts, more);
  const line = (answer: Answer, refusal: AwsRefusal | null): SandboxLogLine => ({
    at: account.now().toISOString(),
    request_id: requestId,
    platform: 'aws',
    action: actionName(operation, call),
    ...facts,
    outcome: refusal === null ? 'ok' : 'refused',
    status: answer.status,
    code: refusal?.code ?? null,
    message: refusal?.message ?? null,
    reasons: refusal?.reasons ?? [],
    checks: refusal !== null && refusal.checks.length > 0 ? refusal.checks : facts.checks,
  });
  try {
    if (call === null)
      throw new AwsRefusal('RequestEntityTooLarge', 413, 'The request is larger than the stand-in takes.');
    const answer = await perform(call, operation, account, note, requestId);
    log(line(answer, null));
    return answer;
  } catch (error) {
    const refusal = error instanceof AwsRefusal ? error : internalFailure(error);
    const answer = refusalAnswer(refusal, operation.protocol, operation.service, requestId);
    log(line(answer, refusal));
    return answer;
  }
}

async function perform(
  call: HttpCall,
  operation: Operation,
  account: AwsAccount,
  note: Note,
  requestId: string,
): Promise<Answer> {
  const { service, name } = operation;
  if (service === 'sts' && operation.protocol === 'query' && name !== null) {
    const parameters = queryParameters(call);
    const unsigned = own(unsignedStsActions, name);
    if (unsigned) {
      await latency(account, service, name);
      return queryAnswer(name, await unsigned({ call, parameters, note }, account), requestId);
    }
    const signed = own(stsActions, name);
    if (signed) {
      const caller = identify(call, service, operation, account, note);
      await latency(account, service, name);
      return queryAnswer(name, signed({ call, parameters, caller, note }, account), requestId);
    }
  }
  if (service === 'ssm' && operation.protocol === 'json' && name !== null) {
    const handler = own(ssmActions, name);
    if (handler) {
      const caller = identify(call, service, operation, account, note);
      await latency(account, service, name);
      return jsonAnswer(handler({ call, parameters: jsonParameters(call), caller, note }, account), requestId);
    }
  }
  throw unknownOperation(operation, call);
}

function identify(
  call: HttpCall,
  service: string,
  operation: Operation,
  account: AwsAccount,
  note: Note,
): ReturnType<typeof authenticate> {
  const caller = authenticate(call, service, operation.protocol, account);
  note({ role: caller.session.role.arn, principal: caller.session.arn });
  return caller;
}

/** Only a table's own entries: `constructor` is no action. */
function own<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

async function latency(account: AwsAccount, service: string, name: string): Promise<void> {
  const milliseconds = own(account.config.latency_milliseconds, `${service}:${name}`);
  if (milliseconds !== undefined) await sleep(milliseconds);
}

function jsonParameters(call: HttpCall): JsonObject {
  try {
    const value: unknown = JSON.parse(call.body.toString('utf8') || '{}');
    if (isJsonObject(value)) return value;
  } catch {
    // the same answer as for JSON that is not an object
  }
  throw new AwsRefusal('SerializationException', 400, 'The request body is not a JSON object.');
}

function unknownOperation({ protocol, service, name }: Operation, call: HttpCall): AwsRefusal {
  const reason = `the stand-in knows ${knownActions.join(', ')}`;
  if (protocol === 'json')
    return new AwsRefusal(
      'UnknownOperationException',
      400,
      `${service ?? 'unknown service'}: ${name ?? `${call.method} request`} is not known here`,
      { reasons: [reason] },
    );
  if (name === null && service === null)
    return new AwsRefusal('MissingAction', 400, 'The request has no Action, and no signature that names a service.', {
      reasons: [reason],
    });
  const version = queryParameters(call).get('Version') ?? 'unknown';
  return new AwsRefusal(
    'InvalidAction',
    400,
    `Could not find operation ${name ?? `${call.method} request to ${service}`} for version ${version}`,
    { reasons: [reason] },
  );
}

/** A fault of the stand-in itself; only its kind is told, since its words may quote anything. */
function internalFailure(error: unknown): AwsRefusal {
  const kind = error instanceof Error ? error.name : typeof error;
  return new AwsRefusal('InternalFailure', 500, 'The stand-in failed; this is a fault of Hallpass.', {
    reasons: [`the stand-in failed with ${kind}`],
  });
}

/** The call's name for the log, printable and short whatever was sent. */
function actionName({ service, name }: Operation, call: HttpCall | null): string {
  const text = `${service ?? '?'}:${name ?? (call ? `${call.method} request` : 'oversized request')}`;
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
