import type { JsonObject } from '../../domain/json.ts';
import { instanceDiscovery, metadataEndpoints, openIdConfiguration, signingKeys } from './documents.ts';
import * as arm from './resource-manager.ts';
import type { ResourceAnswer } from './resource-manager.ts';
import type { Tenant, TenantCall } from './tenant.ts';
import { issueToken, requireTenant } from './token-endpoint.ts';

/** One thing that the stand-in answers. */
export interface Route {
  /** For log and latencies: `entra:token`, or Resource Manager's name of the operation. */
  readonly action: string;
  readonly method: string;
  /** Groups are what {@link Route.answer} is given. */
  readonly path: RegExp;
  answer(request: TenantCall, tenant: Tenant, path: readonly string[]): Promise<ResourceAnswer>;
}

const document =
  (make: (request: TenantCall, tenant: Tenant) => JsonObject | Promise<JsonObject>): Route['answer'] =>
  async (request, tenant, [asked]) => {
    if (asked !== undefined && asked.toLowerCase() !== 'common') requireTenant(asked, tenant);
    return { status: 200, body: await make(request, tenant) };
  };

const subscription = String.raw`\/subscriptions\/([^/]+)`;
const group = String.raw`${subscription}\/resourcegroups\/([^/]+)`;
const at = (path: string): RegExp => new RegExp(`^${path}\\/?$`, 'i');
const resources = 'arm:Microsoft.Resources';

/** All that is here, by method and path. Paths of Resource Manager are compared without regard to case. */
export const routes: readonly Route[] = [
  {
    action: 'entra:token',
    method: 'POST',
    path: /^\/([^/]+)\/oauth2\/v2\.0\/token$/,
    answer: async (request, tenant, [asked]) => ({ status: 200, body: await issueToken(asked!, request, tenant) }),
  },
  {
    action: 'entra:openidConfiguration',
    method: 'GET',
    path: /^\/([^/]+)(?:\/v2\.0)?\/\.well-known\/openid-configuration$/,
    answer: document(openIdConfiguration),
  },
  {
    action: 'entra:instanceDiscovery',
    method: 'GET',
    path: /^\/([^/]+)\/discovery\/instance$/,
    answer: document(instanceDiscovery),
  },
  {
    action: 'entra:keys',
    method: 'GET',
    path: /^\/([^/]+)\/discovery\/(?:v2\.0\/)?keys$/,
    answer: document(signingKeys),
  },
  {
    action: 'arm:metadataEndpoints',
    method: 'GET',
    path: at(String.raw`\/metadata\/endpoints`),
    answer: document(metadataEndpoints),
  },
  {
    action: `${resources}/subscriptions/list`,
    method: 'GET',
    path: at(String.raw`\/subscriptions`),
    answer: arm.listSubscriptions,
  },
  { action: `${resources}/subscriptions/read`, method: 'GET', path: at(subscription), answer: arm.getSubscription },
  {
    action: `${resources}/subscriptions/providers/read`,
    method: 'GET',
    path: at(String.raw`${subscription}\/providers`),
    answer: arm.listProviders,
  },
  {
    action: `${resources}/subscriptions/resourceGroups/list`,
    method: 'GET',
    path: at(String.raw`${subscription}\/resourcegroups`),
    answer: arm.listGroups,
  },
  { action: `${resources}/subscriptions/resourceGroups/read`, method: 'GET', path: at(group), answer: arm.getGroup },
  {
    action: `${resources}/subscriptions/resourceGroups/exists`,
    method: 'HEAD',
    path: at(group),
    answer: arm.groupExists,
  },
  { action: `${resources}/subscriptions/resourceGroups/write`, method: 'PUT', path: at(group), answer: arm.putGroup },
  {
    action: `${resources}/subscriptions/resourceGroups/delete`,
    method: 'DELETE',
    path: at(group),
    answer: arm.deleteGroup,
  },
  {
    action: `${resources}/subscriptions/resourceGroups/resources/read`,
    method: 'GET',
    path: at(String.raw`${group}\/resources`),
    answer: arm.listResources,
  },
];
