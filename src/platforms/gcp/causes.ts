import { causesOf, type CauseTable } from '../likely-causes.ts';

/** Our side of a refused exchange, as far as it may be shown. */
export type OfferedToGcp = Readonly<Record<'provider' | 'pool' | 'email' | 'iss' | 'aud' | 'sub' | 'bytes', string>>;

/**
 * From what Google says to what is most likely behind it. `{provider}`, `{pool}`, `{email}`, `{iss}`, `{aud}`, `{sub}` and
 * `{bytes}` (the length of `sub`) are filled in.
 */
export const gcpCauses: CauseTable = {
  rows: [
    {
      answer:
        'invalid_target: The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.',
      code: /^invalid_target$/,
      causes: [
        'there is no provider {provider}: compare the number of the project (not its id), the pool and the provider with gcloud iam workload-identity-pools providers describe',
        'the pool or the provider is disabled, or was deleted; a deleted id stays taken for 30 days and can be undeleted',
        'the pool or the provider was made a few minutes ago: Google needs up to 5 minutes to spread it, try again',
      ],
    },
    {
      answer:
        'invalid_request: The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes.',
      code: /^invalid_request$/,
      message: /127 bytes/,
      causes: [
        'sub has {bytes} bytes, and the provider maps it to google.subject, which may have 127: map ids instead, "google.subject" = "assertion.terraform_workspace_id + \':\' + assertion.terraform_run_phase", and bind subject/WORKSPACE_ID:PHASE',
        'another mapping of google.subject comes to more than 127 bytes of UTF-8: letters beyond ASCII count more than one',
        'organization, project and workspace have long names: shorter ones make a shorter sub, "{sub}"',
      ],
    },
    {
      answer:
        'invalid_request: Invalid value for "audience". This value should be the full resource name of the Identity Provider.',
      code: /^invalid_request$/,
      message: /audience/i,
      causes: [
        'TFC_GCP_WORKLOAD_PROVIDER_NAME or its parts do not name a provider: {provider}',
        'the number of the project is not one of a project: gcloud projects describe ID --format="value(projectNumber)"',
        'a client on the way changed the audience of the exchange: it must be //iam.googleapis.com/{provider}, without https:',
      ],
    },
    {
      answer: 'invalid_grant: The issuer in ID Token {iss} does not match the expected one in config: URI.',
      code: /^invalid_grant$/,
      message: /issuer in ID Token|does not match the expected one/i,
      causes: [
        'the issuer-uri of {provider} is not {iss}: compare letter by letter, also the slash at the end',
        'the token was meant for another provider of the pool {pool}: compare TFC_GCP_WORKLOAD_PROVIDER_NAME',
        'the issuer was moved or renamed after the provider was made: update its issuer-uri',
      ],
    },
    {
      answer: 'invalid_grant: The audience in ID Token [{aud}] does not match the expected audience.',
      code: /^invalid_grant$/,
      message: /audience/i,
      causes: [
        'the allowed audiences of {provider} do not hold "{aud}": add it, or set TFC_GCP_WORKLOAD_IDENTITY_AUDIENCE to one that is there',
        'the provider has a list of allowed audiences: then its own name, the default, is no longer taken unless it stands in the list',
        'TFC_GCP_WORKLOAD_IDENTITY_AUDIENCE is set, but the provider has no list: remove it, or make the list',
      ],
    },
    {
      answer: 'invalid_grant: ID Token issued at TIME is stale to sign-in.',
      code: /^invalid_grant$/,
      message: /stale/i,
      causes: [
        'the token has expired: the phase was longer than its life, and the client did not read the file again',
        'the clock of this machine or of the issuer is wrong: Google allows about 60 seconds',
        'the token is older than 24 hours: Google takes none from then on, whatever its exp',
      ],
    },
    {
      answer: 'invalid_grant: Unable to verify the ID Token signature.',
      code: /^invalid_grant$/,
      message: /signature/i,
      causes: [
        'the keys that were uploaded to {provider} are not those of {iss}: upload the present ones (--jwk-json-path), or remove them so that Google fetches',
        'two issuers share the URL {iss} with different keys, such as a restored and a running one',
        'the key was rotated, and the provider still has the uploaded old one',
      ],
    },
    {
      answer: "invalid_grant: Error connecting to the given credential's issuer.",
      code: /^invalid_grant$/,
      message: /connecting|issuer/i,
      causes: [
        'Google cannot reach {iss} from outside: its discovery document must answer over public https (hallpass issuer check {iss}), or upload the keys (--jwk-json-path)',
        'the signing key is new, and its kid is not in what Google has fetched or in what was uploaded: publish a key well before it signs',
        'the certificate of {iss} is not publicly trusted, or a key in the set has members such as x5c',
      ],
    },
    {
      answer: 'unauthorized_client: The given credential is rejected by the attribute condition.',
      code: /^unauthorized_client$/,
      message: /attribute condition/i,
      causes: [
        'the attribute condition of {provider} does not hold for sub "{sub}": compare each claim that it names (hallpass doctor --platform gcp with the provider as a file shows each check)',
        'it names a claim that the token does not have, which makes the whole condition fail: guard it with has(assertion.x)',
        'it compares names where ids are meant, or the other way round; upper and lower case count',
      ],
    },
    {
      answer: 'unauthorized_client: Could not obtain a value for google.subject from the given credential.',
      code: /^unauthorized_client$/,
      causes: [
        'the mapping of google.subject of {provider} names a claim that the token does not have, or gives something other than a text',
        'extract(…) in the mapping finds nothing in sub "{sub}", and an empty subject is none',
        'another attribute of the mapping fails: each of them must come to a text',
      ],
    },
    {
      answer:
        "PERMISSION_DENIED: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
      code: /^PERMISSION_DENIED$/,
      message: /getAccessToken|does not have permission/i,
      causes: [
        'the policy of {email} does not give roles/iam.workloadIdentityUser to principal://iam.googleapis.com/{pool}/subject/SUBJECT, where SUBJECT is what google.subject came to (with the mapping to assertion.sub: {sub}); roles/iam.serviceAccountTokenCreator would do, too',
        'the binding names the wrong phase, the id of the project instead of its number, or principalSet:// where principal:// is meant: gcloud iam service-accounts get-iam-policy {email}',
        'there is no {email}, which Google answers with the same words; or the binding was made less than 2 minutes ago',
      ],
    },
    {
      answer:
        'PERMISSION_DENIED: IAM Service Account Credentials API has not been used in project NUMBER before or it is disabled.',
      code: /^PERMISSION_DENIED$|^SERVICE_DISABLED$/,
      message: /has not been used|is disabled/i,
      causes: [
        'the IAM Service Account Credentials API is off in the project of {email}: gcloud services enable iamcredentials.googleapis.com',
        'it was switched on a few minutes ago: wait, and try again',
        'the service account is in another project than the one you think of: compare what stands behind the @',
      ],
    },
    {
      answer: 'NOT_FOUND: Unknown service account',
      code: /^NOT_FOUND$/,
      causes: [
        'there is no service account {email}: compare its name and its project',
        'it was deleted; a new one of the same name is another account, and needs its bindings anew',
        'TFC_GCP_PLAN_SERVICE_ACCOUNT_EMAIL and TFC_GCP_APPLY_SERVICE_ACCOUNT_EMAIL are each to be checked',
      ],
    },
  ],
  otherwise: [
    'compare the provider {provider} with the token: issuer {iss}, audience "{aud}", sub "{sub}"',
    'compare the policy of {email}: roles/iam.workloadIdentityUser for a member of the pool {pool}',
    'a proxy or an endpoint override (CLOUDSDK_API_ENDPOINT_OVERRIDES_…) answers instead of Google',
  ],
};

/** The three likeliest causes of a refusal by Google, with what to look at. Pure. */
export function likelyCauses(code: string, message: string, offered: OfferedToGcp): readonly string[] {
  return causesOf(gcpCauses, { code, message }, offered);
}
