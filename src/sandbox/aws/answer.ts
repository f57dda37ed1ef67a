import type { JsonObject } from '../../domain/json.ts';
import { reasonsHeader, type Answer } from '../http-call.ts';
import type { Protocol } from './call.ts';
import type { AwsRefusal } from './refusal.ts';
import { xmlOf, type XmlElement } from './xml.ts';

const namespaces: Readonly<Record<string, string>> = {
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
  iam: 'https://iam.amazonaws.com/doc/2010-05-08/',
};
const stsNamespace = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** A success in the query protocol: `ACTIONResponse` around `ACTIONResult` and the request id. */
export function queryAnswer(action: string, result: XmlElement, requestId: string): Answer {
  const body = xmlOf({ [`${action}Result`]: result, ResponseMetadata: { RequestId: requestId } }, '  ');
  return {
    status: 200,
    headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId },
    body: `<${action}Response xmlns="${stsNamespace}">\n${body}</${action}Response>\n`,
  };
}

/** A success in the JSON 1.1 protocol. */
export function jsonAnswer(result: JsonObject, requestId: string): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': requestId },
    body: JSON.stringify(result),
  };
}

/**
 * A refusal in the words of the caller's protocol, with a header that real AWS does not send: why, in sentences
 * (base64url of a JSON array), for clients that know that they talk to a stand-in.
 */
export function refusalAnswer(
  refusal: AwsRefusal,
  protocol: Protocol,
  service: string | null,
  requestId: string,
): Answer {
  const headers = {
    'x-amzn-requestid': requestId,
    ...reasonsHeader(refusal.reasons),
  };
  if (protocol === 'json') {
    return {
      status: refusal.status,
      headers: { ...headers, 'content-type': 'application/x-amz-json-1.1', 'x-amzn-errortype': refusal.code },
      // Some services write "message", others "Message"; clients take either, and older ones only the second.
      body: JSON.stringify({
        __type: refusal.code,
        ...(refusal.message && { message: refusal.message, Message: refusal.message }),
      }),
    };
  }
  const error = { Type: refusal.status < 500 ? 'Sender' : 'Receiver', Code: refusal.code, Message: refusal.message };
  const body = xmlOf({ Error: error, RequestId: requestId }, '  ');
  const namespace = namespaces[service ?? 'sts'] ?? stsNamespace;
  return {
    status: refusal.status,
    headers: { ...headers, 'content-type': 'text/xml' },
    body: `<ErrorResponse xmlns="${namespace}">\n${body}</ErrorResponse>\n`,
  };
}
