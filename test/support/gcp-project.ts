import { testSubject } from './issuer.ts';

/** The project that tests play, and one provider in one pool. */
export const projectNumber = '123456789012';
export const projectId = 'acme-payments';
export const pool = `projects/${projectNumber}/locations/global/workloadIdentityPools/hallpass`;
export const providerName = `${pool}/providers/acme`;
/** The default audience of the provider, which is also what names it in an exchange. */
export const gcpAudience = `//iam.googleapis.com/${providerName}`;

export const planAccount = 'payments-plan@acme-payments.iam.gserviceaccount.com';
export const applyAccount = 'payments-apply@acme-payments.iam.gserviceaccount.com';
export const planPrincipal = principalOf(testSubject);
export const applySubject = testSubject.replace(/plan$/, 'apply');

/** `principal://…` of one subject. */
export function principalOf(subject: string): string {
  return `principal://iam.googleapis.com/${pool}/subject/${subject}`;
}

/** A provider that admits one workspace, as `gcloud … providers describe --format=json` prints it. */
export function providerDocument(issuer: string, overrides: Readonly<Record<string, unknown>> = {}): object {
  return {
    name: providerName,
    state: 'ACTIVE',
    attributeMapping: {
      'google.subject': 'assertion.sub',
      'attribute.run_phase': 'assertion.sub.extract("run_phase:{phase}")',
    },
    attributeCondition: `assertion.sub.startsWith("${testSubject.replace(/run_phase:.*/, '')}")`,
    oidc: { issuerUri: issuer },
    ...overrides,
  };
}

/** An IAM policy with one binding. */
export const binding = (role: string, ...members: readonly string[]): object => ({ bindings: [{ role, members }] });

/** The part `gcp` of a sandbox file: a plan that may read, an apply that may write. */
export function gcpPart(issuer: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const actAs = 'roles/iam.workloadIdentityUser';
  return {
    project: { id: projectId, number: projectNumber },
    clock_skew_seconds: 0,
    providers: [{ provider: providerDocument(issuer) }],
    service_accounts: {
      [planAccount]: binding(actAs, planPrincipal),
      [applyAccount]: binding(actAs, principalOf(applySubject)),
    },
    iam_policy: {
      bindings: [
        { role: 'roles/secretmanager.viewer', members: [`serviceAccount:${planAccount}`, planPrincipal] },
        { role: 'roles/secretmanager.secretAccessor', members: [`serviceAccount:${planAccount}`, planPrincipal] },
        { role: 'roles/secretmanager.admin', members: [`serviceAccount:${applyAccount}`] },
      ],
    },
    secrets: { region: 'eu-north-1' },
    ...changes,
  };
}
