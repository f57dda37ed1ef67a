import { testSubject } from './issuer.ts';

export const tenant = '99999999-8888-4777-8666-555555555555';
export const subscription = '11112222-3333-4444-8555-666677778888';
export const planApplication = '11111111-1111-4111-8111-111111111111';
export const applyApplication = '22222222-2222-4222-8222-222222222222';

/** The sandbox file's `azure`: an application that may read for the plan, and one that may write for the apply. */
export function azurePart(issuer: string): Record<string, unknown> {
  const application = (phase: string, clientId: string, role: string): object => ({
    name: `payments-${phase}`,
    client_id: clientId,
    federated_credentials: [
      {
        name: `payments-prod-${phase}`,
        issuer,
        subject: testSubject.replace('plan', phase),
        audiences: ['api://AzureADTokenExchange'],
      },
    ],
    roles: [role],
  });
  return {
    tenant,
    subscription,
    applications: [
      application('plan', planApplication, 'Reader'),
      application('apply', applyApplication, 'Contributor'),
    ],
    resource_groups: { payments: 'westeurope' },
  };
}
