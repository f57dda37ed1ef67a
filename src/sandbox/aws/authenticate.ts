import type { AwsAccount, Caller } from './action.ts';
import type { HttpCall } from '../http-call.ts';
import type { Protocol } from './call.ts';
import { AwsRefusal } from './refusal.ts';
import { isTokenOf } from './sessions.ts';
import { isFault, readSignature, verifySignature, type SignatureFault, type StatedSignature } from './sigv4.ts';

/** The same faults under the names and statuses that the two families of services use. */
const names = {
  query: {
    missing: ['MissingAuthenticationToken', 403],
    incomplete: ['IncompleteSignature', 400],
    unknownKey: ['InvalidClientTokenId', 403],
    sessionEnded: ['ExpiredToken', 403],
    expired: ['SignatureDoesNotMatch', 403],
    mismatch: ['SignatureDoesNotMatch', 403],
  },
  json: {
    missing: ['MissingAuthenticationTokenException', 400],
    incomplete: ['IncompleteSignatureException', 400],
    unknownKey: ['UnrecognizedClientException', 400],
    sessionEnded: ['ExpiredTokenException', 400],
    expired: ['InvalidSignatureException', 400],
    mismatch: ['InvalidSignatureException', 400],
  },
} as const satisfies Record<Protocol, Record<string, readonly [string, number]>>;

const unknownKeyMessage = 'The security token included in the request is invalid.';

/**
 * Finds out whose session a request was signed with.
 *
 * @param service  the service that the call is for; the signature's scope must name it
 * @throws {AwsRefusal} as AWS would, for the caller's protocol
 */
export function authenticate(call: HttpCall, service: string, protocol: Protocol, account: AwsAccount): Caller {
  const refuse = (kind: keyof (typeof names)['query'], message: string, reason: string): AwsRefusal => {
    const [code, status] = names[protocol][kind];
    return new AwsRefusal(code, status, message, { reasons: [reason] });
  };
  const stated = readSignature(call);
  if (isFault(stated))
    throw refuse(stated.kind, stated.message, `the request is not signed as it should: ${stated.message}`);
  const session = account.sessions.find(stated.accessKeyId);
  if (session === undefined)
    throw refuse(
      'unknownKey',
      unknownKeyMessage,
      `nobody got the access key ${stated.accessKeyId} from this stand-in; it knows temporary credentials only, and forgets them when it stops`,
    );
  if (!isTokenOf(session, stated.sessionToken))
    throw refuse(
      'unknownKey',
      unknownKeyMessage,
      stated.sessionToken === null
        ? 'the session token is missing'
        : `the session token is not the one of ${stated.accessKeyId}`,
    );
  const fault =
    wrongScope(stated, service) ?? verifySignature(call, stated, session.secretAccessKey.reveal(), account.now());
  if (fault !== null) throw refuse(fault.kind, fault.message, `the signature does not hold: ${fault.message}`);
  if (account.now() >= session.expiresAt)
    throw refuse(
      'sessionEnded',
      'The security token included in the request is expired',
      `the session ended at ${session.expiresAt.toISOString()}, now is ${account.now().toISOString()}`,
    );
  return { session, region: stated.region };
}

/** Any Region will do, as at AWS: each has parameters of its own. */
function wrongScope(stated: StatedSignature, service: string): SignatureFault | null {
  if (stated.service !== service)
    return { kind: 'mismatch', message: `Credential should be scoped to correct service: '${service}'.` };
  if (!/^[a-z]{2}(?:-[a-z]+)+-\d$/.test(stated.region))
    return { kind: 'mismatch', message: `Credential should be scoped to a valid region.` };
  return null;
}
