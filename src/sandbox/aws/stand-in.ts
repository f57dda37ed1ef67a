import { randomUUID } from 'node:crypto';
import { parseJsonObject, type JsonObject } from '../../domain/json.ts';
import type { Answer, HttpCall } from '../http-call.ts';
import { delay } from '../latency.ts';
import { loggedAnswer, type Note } from '../logged-answer.ts';
import type { StandInWorld } from '../stand-in.ts';
import type { AwsAccount } from './action.ts';
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

/** Answers one request as AWS would. */
export async function answerCall(
  call: HttpCall | null,
  account: AwsAccount,
  log: StandInWorld['log'],
): Promise<Answer> {
  const requestId = randomUUID();
  const operation: Operation = call === null ? { protocol: 'query', service: null, name: null } : operationOf(call);
  return loggedAnswer(
    {
      platform: 'aws',
      requestId,
      action: actionName(operation, call),
      async perform(note) {
        if (call === null)
          throw new AwsRefusal('RequestEntityTooLarge', 413, 'The request is larger than the stand-in takes.');
        return perform(call, operation, account, note, requestId);
      },
      refusals: AwsRefusal,
      failure: (reason) => new AwsRefusal('InternalFailure', 500, 'The stand-in failed.', { reasons: [reason] }),
      refuse: (refusal) => refusalAnswer(refusal, operation.protocol, operation.service, requestId),
    },
    { now: account.now, log },
  );
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
      await delay(account.config.latency_milliseconds, `${service}:${name}`);
      return queryAnswer(name, await unsigned({ call, parameters, note }, account), requestId);
    }
    const signed = own(stsActions, name);
    if (signed) {
      const caller = identify(call, service, operation, account, note);
      await delay(account.config.latency_milliseconds, `${service}:${name}`);
      return queryAnswer(name, signed({ call, parameters, caller, note }, account), requestId);
    }
  }
  if (service === 'ssm' && operation.protocol === 'json' && name !== null) {
    const handler = own(ssmActions, name);
    if (handler) {
      const caller = identify(call, service, operation, account, note);
      await delay(account.config.latency_milliseconds, `${service}:${name}`);
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

function jsonParameters(call: HttpCall): JsonObject {
  const parameters = parseJsonObject(call.body.toString('utf8') || '{}');
  if (parameters !== null) return parameters;
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

/** The call's name for the log, printable and short whatever was sent. */
function actionName({ service, name }: Operation, call: HttpCall | null): string {
  const text = `${service ?? '?'}:${name ?? (call ? `${call.method} request` : 'oversized request')}`;
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
