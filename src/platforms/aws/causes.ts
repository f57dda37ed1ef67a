import { causesOf, type CauseTable } from '../likely-causes.ts';
import { issuerHost } from './arn.ts';

/** Our side of a refused exchange, as far as it may be shown. */
export interface OfferedToAws {
  readonly role: string;
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  /** Whether AWS itself was asked, not an endpoint of one's own. */
  readonly atAws: boolean;
}

/** From what STS says to what is most likely behind it. `{role}`, `{account}`, `{host}`, `{iss}`, `{aud}`, `{sub}` are filled in. */
export const awsCauses: CauseTable = {
  rows: [
    {
      answer: 'AccessDenied: Not authorized to perform sts:TagSession',
      code: /^AccessDenied/,
      message: /sts:TagSession/,
      causes: [
        'the token brings session tags, but the trust policy of {role} does not allow sts:TagSession: add it beside sts:AssumeRoleWithWebIdentity',
        'the statement that allows sts:TagSession has conditions that the tags do not meet: compare its aws:RequestTag/… and aws:TagKeys',
        'a Deny statement, in the trust policy or in a resource control policy, covers sts:TagSession',
      ],
    },
    {
      answer: 'AccessDenied: Not authorized to perform sts:SetSourceIdentity',
      code: /^AccessDenied/,
      message: /sts:SetSourceIdentity/,
      causes: [
        'the token brings a source identity, but the trust policy of {role} does not allow sts:SetSourceIdentity: add it beside sts:AssumeRoleWithWebIdentity',
        'the statement that allows sts:SetSourceIdentity has conditions that do not hold: compare its sts:SourceIdentity',
        'a Deny statement, in the trust policy or in a resource control policy, covers sts:SetSourceIdentity',
      ],
    },
    {
      answer: 'AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity',
      code: /^AccessDenied/,
      causes: [
        'the trust policy of {role} has no statement whose conditions all hold: compare its {host}:sub with "{sub}" and its {host}:aud with "{aud}", letter by letter',
        'the role {role} does not exist, which STS answers with the same words: compare its name, its path and the account {account}',
        'the Principal of the trust policy is not the OIDC provider of {iss} in account {account}: it must be arn:…:oidc-provider/{host}',
      ],
    },
    {
      answer: 'InvalidIdentityToken: No OpenIDConnect provider found in your account for {iss}',
      code: /^InvalidIdentityToken$/,
      message: /No OpenIDConnect provider/i,
      causes: [
        'account {account}, that of the role, has no IAM OIDC provider for {iss}: create it there (hallpass init writes the code)',
        'the URL of the provider differs from the issuer {iss} by a slash at the end, a path, a port or a letter: the two must be the same',
        'the account in {role} is not the one you think of: compare its 12 digits',
      ],
    },
    {
      answer: 'InvalidIdentityToken: Incorrect token audience',
      code: /^InvalidIdentityToken$/,
      message: /audience/i,
      causes: [
        'the client ids of the OIDC provider for {iss} do not hold "{aud}": add it, or set TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE to one of them',
        'TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE was changed on one side only: token and provider must both say "{aud}"',
        'the role lies in another account ({account}) whose provider for {iss} has other client ids',
      ],
    },
    {
      answer: "InvalidIdentityToken: Couldn't retrieve verification key from your identity provider",
      code: /^InvalidIdentityToken$/,
      message: /verification key|thumbprint|certificate|HTTPS/i,
      causes: [
        'AWS could not read {iss}/.well-known/openid-configuration or the keys behind it: try hallpass issuer check {iss}',
        'the published keys lack the one that signed this token: publish them again (hallpass issuer export, then upload)',
        'the certificate of {host} is of a private CA, or was renewed, and the thumbprint of the provider no longer fits',
      ],
    },
    {
      answer: 'InvalidIdentityToken: The target role ARN is not present in the roles claim of the identity token',
      code: /^InvalidIdentityToken$/,
      message: /roles claim/i,
      causes: [
        'the token has a roles claim that does not name {role}: add it there, or leave the claim out',
        'the ARN in the claim differs from {role} by path, partition or account',
        'the token was meant for another configuration: compare aud "{aud}" and sub "{sub}"',
      ],
    },
    {
      answer: 'InvalidIdentityToken: The ID Token provided is not a valid JWT.',
      code: /^InvalidIdentityToken$/,
      causes: [
        'the signing key is not among the keys that AWS reads from {iss}: run hallpass issuer check {iss}, publish the keys again, and wait for caches',
        'AWS could not fetch the documents of {iss}, or they name another issuer',
        'the provider in account {account} does not fit the token: compare its URL with {iss} and its client ids with "{aud}"',
      ],
    },
    {
      answer: 'ExpiredTokenException: Token expired: current date/time … must be before the expiration date/time …',
      code: /^ExpiredToken/,
      causes: [
        'the token expired before STS saw it: the phase ran longer than the token lives; raise token_lifetime',
        'the clock of this machine is behind: compare it with a time server',
        'the clock was set back while Hallpass ran, so that tokens carry an old time',
      ],
    },
    {
      answer: 'IDPCommunicationError',
      code: /^IDPCommunicationError$/,
      causes: [
        'AWS could not reach {iss} just now: try again, and run hallpass issuer check {iss}',
        '{host} answers too slowly (AWS waits a few seconds) or only inside your network',
        'a firewall or a rate limit at {host} keeps AWS out',
      ],
    },
    {
      answer: 'IDPRejectedClaim',
      code: /^IDPRejectedClaim$/,
      causes: [
        'the provider for {iss} rejected the token: compare its kind in account {account} (it must be an OIDC provider)',
        'the token was revoked or is not one that {iss} knows',
        'claims are missing that the provider demands: see them with hallpass token mint --json',
      ],
    },
    {
      answer: 'ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      code: /^ValidationError$/,
      message: /DurationSeconds/i,
      causes: [
        'the session asked for is longer than MaxSessionDuration of {role}: shorten it, or raise it at the role',
        'AWS_ROLE_SESSION_DURATION or the like in the environment asks for more than the role allows',
        'an assume_role block in the provider asks for more than one hour after this role (role chaining)',
      ],
    },
    {
      answer: 'ValidationError: Request ARN is invalid',
      code: /^ValidationError$/,
      causes: [
        '{role} is not a valid role ARN for this partition: compare it with the IAM console',
        'the session name holds characters that STS does not take: only letters, digits and _=,.@-',
        'the token is longer than the 20,000 characters that STS takes',
      ],
    },
    {
      answer: 'PackedPolicyTooLarge',
      code: /^PackedPolicyTooLarge$|^MalformedPolicyDocument$/,
      causes: [
        'session policy and session tags are too large together: send fewer or shorter tags',
        'the session policy is not a valid policy document',
        'tags from the token and a policy from the provider block add up: drop one of them',
      ],
    },
    {
      answer: 'RegionDisabledException',
      code: /^RegionDisabledException$/,
      causes: [
        'STS is switched off in this region for account {account}: switch it on in the IAM account settings',
        'AWS_REGION names a region that the account has not opted in to',
        'use another region, or the global endpoint, for STS',
      ],
    },
  ],
  otherwise: [
    'what answered may not be STS: look at AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS and at proxies',
    'the trust policy of {role} does not accept sub "{sub}" and aud "{aud}"',
    'account {account} has no OIDC provider for {iss}',
  ],
};

const unreachableIssuer =
  'the issuer {iss} cannot be reached by AWS, which takes https issuers on the internet only: publish the documents (hallpass issuer export) and use that URL';

/** The three likeliest causes of a refusal, each a sentence that names what to look at. Pure. */
export function likelyCauses(code: string, message: string, offered: OfferedToAws): readonly string[] {
  const values = {
    role: offered.role,
    account: offered.role.split(':')[4] ?? '',
    iss: offered.iss,
    host: issuerHost(offered.iss),
    aud: offered.aud,
    sub: offered.sub,
  };
  const isHidden = offered.atAws && offered.iss.startsWith('http://');
  return causesOf(awsCauses, { code, message }, values, isHidden ? [unreachableIssuer] : []);
}
