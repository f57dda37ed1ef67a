import { causesOf, type CauseTable } from '../likely-causes.ts';

/** Our side of a refused exchange, as far as it may be shown. */
export type OfferedToAzure = Readonly<Record<'client' | 'tenant' | 'iss' | 'aud' | 'sub', string>>;

/** From Entra's code to what is most likely behind it. `{client}`, `{tenant}`, `{iss}`, `{aud}`, `{sub}` are filled in. */
export const azureCauses: CauseTable = {
  rows: [
    {
      answer: "AADSTS700211: No matching federated identity record found for presented assertion issuer '{iss}'.",
      code: /^AADSTS700211$/,
      causes: [
        'no federated credential of {client} has the issuer {iss}: compare letter by letter, also the slash at the end (az ad app federated-credential list --id {client})',
        'the credential was made a few minutes ago: Entra needs time to spread it, try again',
        'the credential is at another application: compare {client} with the application that you set up',
      ],
    },
    {
      answer:
        "AADSTS7002138: No matching federated identity record found for presented assertion subject '{sub}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison.",
      code: /^AADSTS7002138$/,
      causes: [
        'the subject of the federated credential differs from "{sub}" only in upper and lower case: write it with the same letters (since 2025 Entra compares exactly)',
        'the organization, project or workspace was renamed in case only: the credential still has the old spelling',
        'the name in hallpass.yaml or on the command line is spelt otherwise than the workspace is',
      ],
    },
    {
      answer: "AADSTS700213: No matching federated identity record found for presented assertion subject '{sub}'.",
      code: /^AADSTS700213(?:1)?$/,
      causes: [
        'no federated credential of {client} for {iss} has the subject "{sub}": subjects are compared exactly, wildcards do not work there',
        'there is a credential for the other phase only: plan and apply need one each, best at an application of their own',
        'the credential was made or changed a few minutes ago: Entra needs time to spread it, try again',
      ],
    },
    {
      answer: "AADSTS700212: No matching federated identity record found for presented assertion audience '{aud}'.",
      code: /^AADSTS700212$/,
      causes: [
        'the audience of the federated credential is not "{aud}": change it there, or set TFC_AZURE_WORKLOAD_IDENTITY_AUDIENCE to it',
        'this is a national cloud, whose usual audience is another (api://AzureADTokenExchangeUSGov, api://AzureADTokenExchangeChina)',
        'two credentials share issuer and subject in your mind, but the one with "{sub}" has another audience',
      ],
    },
    {
      answer: 'AADSTS70021: No matching federated identity record found for presented assertion.',
      code: /^AADSTS70021$/,
      causes: [
        'no federated credential of {client} has all of issuer {iss}, subject "{sub}" and audience "{aud}": compare letter by letter',
        'the credential was made a few minutes ago: Entra needs time to spread it, try again',
        'there is a credential for the other phase only: plan and apply need one each',
      ],
    },
    {
      answer: "AADSTS70025: The client '{client}' has no configured federated identity credentials.",
      code: /^AADSTS(?:70025|7000226)$/,
      causes: [
        'the application {client} has no federated credential at all: add one with issuer {iss}, subject "{sub}" and audience "{aud}"',
        'the credentials are at another application or managed identity: compare the client id',
        'the credential was made a few minutes ago: Entra needs time to spread it, try again',
      ],
    },
    {
      answer:
        'AADSTS7000272: The certificate with identifier KID used to sign the federated credential could not be found in the metadata of identity provider {iss}.',
      code: /^AADSTS7000272$/,
      causes: [
        'the signing key is new, and Entra still has the old key set of {iss}: it may take 30 minutes; publish a key well before it signs',
        'the published keys lack the one that signed this token: run hallpass issuer check {iss}',
        'the issuer publishes more than 100 keys, and Entra reads only the first 100',
      ],
    },
    {
      answer: 'AADSTS50166: Request to External OIDC endpoint failed.',
      code: /^AADSTS(?:50166|90061)$/,
      causes: [
        'Entra could not read {iss}/.well-known/openid-configuration or the keys behind it: run hallpass issuer check {iss}',
        '{iss} answers only inside your network: Entra comes from the internet',
        '{iss} answers too slowly, with a redirect, or with a certificate of a private CA',
      ],
    },
    {
      answer: 'AADSTS700024: Client assertion is not within its valid time range.',
      code: /^AADSTS700024$/,
      causes: [
        'the token expired before Entra saw it: the phase ran longer than the token lives, and azurerm reads it only once; raise the lifetime, or let the providers fetch fresh tokens',
        'the clock of this machine differs from the real time: compare it with a time server',
        'a client asked for a further resource late in the phase with the token from its start',
      ],
    },
    {
      answer: 'AADSTS70023: External OIDC Provider token must have a lifetime of less than or equal to 1.01:00:00.',
      code: /^AADSTS70023$/,
      causes: [
        'the token lives longer than 25 hours, which Entra does not accept: shorten its lifetime',
        'the phase timeout is over a day: Azure needs a token of at most 25 hours, fetched anew by the providers',
        'the clock was moved while the token was made, so that iat and exp do not fit together',
      ],
    },
    {
      answer: 'AADSTS700027: Client assertion failed signature validation.',
      code: /^AADSTS(?:700027|5002730|50027|50013)$/,
      causes: [
        'the signature does not hold: the keys of {iss} were replaced under the same kid; run hallpass issuer check {iss}',
        'another issuer signs with the same URL: only one key set can stand at {iss}',
        'Entra takes RS256 only for certain: compare alg in hallpass token mint --json',
      ],
    },
    {
      answer: "AADSTS700016: Application with identifier '{client}' was not found in the directory '{tenant}'.",
      code: /^AADSTS700016$/,
      causes: [
        'there is no application {client} in the tenant {tenant}: compare both ids (the client id is not the object id)',
        'the application exists, but has no service principal in this tenant: create it (azuread_service_principal)',
        'ARM_TENANT_ID names another tenant than that of the application',
      ],
    },
    {
      answer: "AADSTS90002: Tenant '{tenant}' not found.",
      code: /^AADSTS(?:90002|900023|50034)$/,
      causes: [
        'there is no tenant {tenant}: compare ARM_TENANT_ID with the tenant id of the portal',
        'the tenant is in another cloud: set ARM_ENVIRONMENT (public, usgovernment, china) accordingly',
        'ARM_TENANT_ID holds a subscription id or a client id by mistake',
      ],
    },
    {
      answer: 'AADSTS7000215: Invalid client secret provided.',
      code: /^AADSTS(?:7000215|7000222|7000216|7000218)$/,
      causes: [
        'something beside the token was sent: remove ARM_CLIENT_SECRET and certificates, which providers prefer',
        'the application {client} is a managed identity or a public client that takes no such request: compare its kind',
        'a proxy between here and Entra changes the request',
      ],
    },
    {
      answer: "AADSTS7002241: Issuer '{iss}' may not use credentials matching via expression.",
      code: /^AADSTS(?:7002241|700235)$/,
      causes: [
        'the federated credential matches by expression, which Entra allows for its own list of issuers only, and {iss} is not among them: use an exact subject',
        'a flexible credential was left beside exact ones: remove it',
        'the credential was copied from HCP Terraform, whose issuer is on the list',
      ],
    },
    {
      answer: 'AADSTS700233',
      code: /^AADSTS70023[347]$/,
      causes: [
        "the expression of the federated credential cannot be used: write it like claims['sub'] eq 'TEXT', single blanks, single quotes",
        'the expression asks for a claim that this issuer may not use: sub is the safe one',
        'use a credential with an exact subject instead: "{sub}"',
      ],
    },
    {
      answer: 'AADSTS700222: AAD-issued tokens may not be used for federated identity flows.',
      code: /^AADSTS(?:700222|700226|700229)$/,
      causes: [
        'the issuer of the token is Entra itself, which it does not accept: the token must come from {iss}',
        'an access token was sent in place of the identity token',
        'AZURE_FEDERATED_TOKEN_FILE or ARM_OIDC_TOKEN of another system is still set',
      ],
    },
    {
      answer: 'AADSTS700223',
      code: /^AADSTS(?:700223|700238|7002381)$/,
      causes: [
        'a policy of the tenant {tenant} blocks workload identity federation for this issuer: ask its administrators to allow {iss}',
        'the policy lists issuers, and {iss} differs from its entry by a slash or a letter',
        'the policy demands a claim that these tokens do not carry',
      ],
    },
    {
      answer: 'AADSTS53003: Access has been blocked by Conditional Access policies.',
      code: /^AADSTS53003$/,
      causes: [
        'Conditional Access for workload identities blocks {client} from here: look at its sign-in log',
        'the runner has a new public address that is not among the named locations',
        'the risk of the service principal was raised: an administrator must dismiss it',
      ],
    },
  ],
  otherwise: [
    'the federated credential does not fit the token: compare issuer {iss}, subject "{sub}" and audience "{aud}"',
    'the client id {client} or the tenant {tenant} is not the one that you set up',
    'look the code up at https://login.microsoftonline.com/error, and the sign-in log of the service principal for the same request',
  ],
};

/** The three likeliest causes of a refusal by Entra. Pure. */
export function likelyCauses(code: string, message: string, offered: OfferedToAzure): readonly string[] {
  return causesOf(azureCauses, { code, message }, offered);
}
