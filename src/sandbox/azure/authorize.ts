import { header } from '../http-call.ts';
import type { AzureApplication } from './config.ts';
import { ResourceRefusal } from './refusal.ts';
import { resourceKind, type ResourceKind } from './resources.ts';
import type { Tenant, TenantCall } from './tenant.ts';

/**
 * Who is calling, from the access token of a request to Resource Manager or Graph.
 *
 * @throws {ResourceRefusal} 401
 */
export async function authenticate(kind: ResourceKind, request: TenantCall, tenant: Tenant): Promise<AzureApplication> {
  const authorization = header(request.call, 'authorization') ?? '';
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) {
    throw new ResourceRefusal(
      'AuthenticationFailed',
      401,
      authorization === ''
        ? "Authentication failed. The 'Authorization' header is missing."
        : "Authentication failed. The 'Authorization' header is provided in an invalid format.",
    );
  }
  const read = await tenant.tokens.read(token, tenant.now());
  if ('fault' in read) {
    throw read.fault === 'expired'
      ? new ResourceRefusal(
          'ExpiredAuthenticationToken',
          401,
          `The access token expiry UTC time '${read.expiresAt!.toISOString()}' is earlier than current UTC time '${tenant.now().toISOString()}'.`,
        )
      : new ResourceRefusal('InvalidAuthenticationToken', 401, 'The access token is invalid.', {
          reasons: ['it was not signed by this stand-in since it started'],
        });
  }
  const { application, audience } = read;
  request.note({ role: application.clientId, principal: application.objectId });
  if (resourceKind(audience, request.base) === kind) return application;
  throw new ResourceRefusal(
    'InvalidAuthenticationTokenAudience',
    401,
    `The access token has been obtained for wrong audience or resource '${audience}'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'.`,
  );
}

/**
 * Whether the application's roles on the subscription allow an action: `Reader` what ends with `/read`, `Contributor`
 * everything that is here.
 *
 * @throws {ResourceRefusal} 403 `AuthorizationFailed`
 */
export function requireAccess(application: AzureApplication, action: string, scope: string): void {
  const { roles, objectId, name } = application;
  if (roles.includes('Contributor') || (roles.includes('Reader') && action.endsWith('/read'))) return;
  throw new ResourceRefusal(
    'AuthorizationFailed',
    403,
    `The client '${objectId}' with object id '${objectId}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    {
      reasons: [
        `application ${name} has ${roles.length === 0 ? 'no role' : `only ${roles.join(', ')}`} on the subscription`,
      ],
    },
  );
}
