/** An error of Entra's token endpoint, as it stands on the wire but for ids and time. */
export interface AzureError {
  /** `AADSTS700213`. */
  readonly code: string;
  /** `error` of the OAuth answer: `invalid_client`, … */
  readonly oauth: string;
  /** What follows the code in `error_description`. */
  readonly description: string;
  readonly status: number;
}

const compare =
  'against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation';
const noRecord = (what: string): string =>
  `No matching federated identity record found for presented assertion ${what}`;
const classic = `Check your federated identity credential Subject, Audience and Issuer ${compare}`;

const client = (code: number, description: string): AzureError => ({
  code: `AADSTS${code}`,
  oauth: 'invalid_client',
  description,
  status: 401,
});
const request = (code: number, description: string): AzureError => ({
  ...client(code, description),
  oauth: 'invalid_request',
  status: 400,
});

/** What Entra says to an assertion that it does not accept, in its words. The wording of some is only reported by users. */
export const assertionErrors = {
  malformed: () => request(50027, 'JWT token is invalid or malformed.'),
  noCredentials: (clientId: string, name: string) =>
    client(70025, `The client '${clientId}'(${name}) has no configured federated identity credentials.`),
  issuer: (issuer: string) => client(700211, `${noRecord(`issuer '${issuer}'`)}. ${classic}`),
  subject: (subject: string) => client(700213, `${noRecord(`subject '${subject}'`)}. ${classic}`),
  subjectCase: (subject: string) =>
    client(
      7002138,
      `${noRecord(`subject '${subject}'`)}. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. ${classic}`,
    ),
  subjectOrExpression: (subject: string) =>
    client(
      7002131,
      `${noRecord(`subject '${subject}'`)} or no federated identity credential expression matched. Check your federated identity credential Subject, Expression, Audience and Issuer ${compare}`,
    ),
  audience: (audience: string) => client(700212, `${noRecord(`audience '${audience}'`)}. ${classic}`),
  lifetime: (issuedAt: number, expiresAt: number) =>
    request(
      70023,
      `External OIDC Provider token must have a lifetime of less than or equal to 1.01:00:00. Token issued at ${issuedAt}. Token expires on ${expiresAt}.`,
    ),
  time: (now: Date, from: number, until: number) =>
    client(
      700024,
      `Client assertion is not within its valid time range. Current time: ${ticks(now)}, assertion valid from ${ticks(from)}, expiry time of assertion ${ticks(until)}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .`,
    ),
  unknownKey: (kid: string, issuer: string) =>
    client(
      7000272,
      `The certificate with identifier ${kid} used to sign the federated credential could not be found in the metadata of identity provider ${issuer}. Please validate that your Identity Provider's metadata exposes the key used to sign the incoming token.`,
    ),
  signature: () => client(700027, 'Client assertion failed signature validation.'),
  unreachable: () => request(50166, 'Request to External OIDC endpoint failed.'),
  expressionIssuer: (issuer: string) =>
    client(7002241, `Issuer '${issuer}' may not use credentials matching via expression.`),
  expressionSyntax: () => client(700233, 'The expression of the federated identity credential could not be parsed.'),
  expressionRun: () => client(700234, 'The expression of the federated identity credential failed at run time.'),
  expressionNotAllowed: () =>
    client(
      700237,
      'The expression of the federated identity credential uses a claim that is not allowed for its issuer.',
    ),
} as const;

/** A moment as .NET writes it: `2022-10-26T06:01:13.0000000Z`. */
function ticks(at: Date | number): string {
  const date = typeof at === 'number' ? new Date(at * 1000) : at;
  return Number.isNaN(date.getTime()) ? '0001-01-01T00:00:00.0000000Z' : date.toISOString().replace('Z', '0000Z');
}
