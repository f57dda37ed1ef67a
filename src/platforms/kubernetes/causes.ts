import { causesOf, type CauseTable } from '../likely-causes.ts';

/** Our side of a refused call, as far as it may be shown. */
export interface OfferedToKubernetes {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  /** `exp` of the token, for people. */
  readonly exp: string;
  readonly host: string;
}

/** The API server gives no reason for a 401: `{iss}`, `{aud}`, `{sub}`, `{exp}` and `{host}` are filled in. */
export const kubernetesCauses: CauseTable = {
  rows: [
    {
      answer: 'Unauthorized: Unauthorized',
      code: /^Unauthorized$/,
      causes: [
        'the API server at {host} has no authenticator for this token: issuer.url must be "{iss}" and issuer.audiences must hold "{aud}", letter by letter (with flags: --oidc-issuer-url and --oidc-client-id)',
        'a claim rule, a user rule or a mapping refuses: compare claimValidationRules, userValidationRules and claimMappings with the token (sub "{sub}"); a mapping that names an absent claim refuses too',
        'the API server cannot reach {iss}, or does not trust its certificate: it tries again every 10 seconds, and refuses until then; or its clock is past {exp}. The reason stands only in the log of the API server',
      ],
    },
    {
      answer:
        'Forbidden: selfsubjectreviews.authentication.k8s.io is forbidden: User "hallpass:{sub}" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
      code: /^Forbidden$/,
      causes: [
        'the API server knows the token, but RBAC gives its user nothing: bind a role to the user or to one of its groups (kubectl auth whoami shows both)',
        'the user name in the binding is not the one that the mapping makes: compare its prefix; the flags put "{iss}#" before it unless told otherwise',
        'the binding is a RoleBinding of another namespace, or names a role that does not exist',
      ],
    },
  ],
  otherwise: [
    'the address {host} is not that of a Kubernetes API server: compare KUBE_HOST',
    'a proxy or a load balancer stands before the API server, and answers itself',
    'the API server is older than 1.28, and does not know selfsubjectreviews',
  ],
};

/** The three likeliest causes of a refusal. Pure. */
export function likelyCauses(code: string, message: string, offered: OfferedToKubernetes): readonly string[] {
  return causesOf(kubernetesCauses, { code, message }, { ...offered });
}
