import { isJsonObject, parseJsonObject, type JsonObject } from '../../domain/json.ts';
import { authenticate, requireAccess } from './authorize.ts';
import { ResourceRefusal } from './refusal.ts';
import type { ResourceGroup } from './resource-groups.ts';
import type { Tenant, TenantCall } from './tenant.ts';

/** What Resource Manager answers: a status, and a body unless there is nothing to say. */
export interface ResourceAnswer {
  readonly status: number;
  readonly body: JsonObject | null;
}

const ok = (body: JsonObject, status = 200): ResourceAnswer => ({ status, body });
const groupAction = 'Microsoft.Resources/subscriptions/resourceGroups';

/** One operation on the subscription, or on the group that the path names. */
type Operation = (request: TenantCall, tenant: Tenant, path: readonly string[]) => Promise<ResourceAnswer>;

export const listSubscriptions: Operation = async (request, tenant) => {
  const application = await open(request, tenant);
  // Whoever has no role sees an empty list, not an error.
  return ok({ value: application.roles.length === 0 ? [] : [subscription(tenant)] });
};

export const getSubscription: Operation = async (request, tenant, [id]) => {
  await enter(request, tenant, id!, 'Microsoft.Resources/subscriptions/read', '');
  return ok(subscription(tenant));
};

export const listProviders: Operation = async (request, tenant, [id]) => {
  await enter(request, tenant, id!, 'Microsoft.Resources/subscriptions/providers/read', '');
  const namespace = 'Microsoft.Resources';
  return ok({
    value: [
      {
        id: `${scopeOf(tenant)}/providers/${namespace}`,
        namespace,
        registrationState: 'Registered',
        resourceTypes: [],
      },
    ],
  });
};

export const listGroups: Operation = async (request, tenant, [id]) => {
  await enter(request, tenant, id!, `${groupAction}/read`, '');
  return ok({ value: tenant.groups.list().map((group) => groupBody(group, tenant)) });
};

export const getGroup: Operation = async (request, tenant, [id, name]) => {
  await enter(request, tenant, id!, `${groupAction}/read`, `/resourceGroups/${name}`);
  return ok(groupBody(existing(name!, tenant), tenant));
};

export const groupExists: Operation = async (request, tenant, [id, name]) => {
  await enter(request, tenant, id!, `${groupAction}/read`, `/resourceGroups/${name}`);
  return { status: tenant.groups.find(name!) === undefined ? 404 : 204, body: null };
};

/** Nothing but groups can be made here. */
export const listResources: Operation = async (request, tenant, [id, name]) => {
  await enter(request, tenant, id!, `${groupAction}/resources/read`, `/resourceGroups/${name}`);
  existing(name!, tenant);
  return ok({ value: [] });
};

export const putGroup: Operation = async (request, tenant, [id, name]) => {
  await enter(request, tenant, id!, `${groupAction}/write`, `/resourceGroups/${name}`);
  const { location, tags } = groupInput(request);
  const before = tenant.groups.find(name!);
  if (before === undefined && !/^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$/u.test(name!))
    throw new ResourceRefusal('InvalidParameter', 400, `The provided resource group name '${name}' is not valid.`);
  if (before !== undefined && before.location !== location) {
    throw new ResourceRefusal(
      'InvalidResourceGroupLocation',
      409,
      `Invalid resource group location '${location}'. The Resource group already exists in location '${before.location}'.`,
    );
  }
  const group = { name: before?.name ?? name!, location, tags };
  tenant.groups.put(group);
  return ok(groupBody(group, tenant), before === undefined ? 201 : 200);
};

export const deleteGroup: Operation = async (request, tenant, [id, name]) => {
  await enter(request, tenant, id!, `${groupAction}/delete`, `/resourceGroups/${name}`);
  existing(name!, tenant);
  tenant.groups.remove(name!);
  return { status: 200, body: null };
};

/** What every call passes first: a version of the API, and a caller. */
async function open(request: TenantCall, tenant: Tenant): ReturnType<typeof authenticate> {
  if (!new URLSearchParams(request.call.query).get('api-version')) {
    throw new ResourceRefusal(
      'MissingApiVersionParameter',
      400,
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  return authenticate('arm', request, tenant);
}

async function enter(request: TenantCall, tenant: Tenant, id: string, action: string, below: string): Promise<void> {
  const application = await open(request, tenant);
  const scope = `/subscriptions/${id}${below}`;
  request.note({ resource: scope });
  if (id.toLowerCase() !== tenant.config.subscription)
    throw new ResourceRefusal('SubscriptionNotFound', 404, `The subscription '${id}' could not be found.`);
  requireAccess(application, action, scope);
}

function existing(name: string, tenant: Tenant): ResourceGroup {
  const group = tenant.groups.find(name);
  if (group !== undefined) return group;
  throw new ResourceRefusal('ResourceGroupNotFound', 404, `Resource group '${name}' could not be found.`);
}

/** Location in Azure's short form, and tags. */
function groupInput({ call }: TenantCall): Pick<ResourceGroup, 'location' | 'tags'> {
  const body = jsonBody(call.body.toString('utf8'));
  const { location, tags = {} } = body;
  if (typeof location !== 'string' || location.trim() === '')
    throw new ResourceRefusal('LocationRequired', 400, 'The location property is required for this definition.');
  const given = isJsonObject(tags) ? Object.entries(tags) : [];
  const texts = given.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length !== given.length || texts.length > 50 || (tags !== null && !isJsonObject(tags)))
    throw new ResourceRefusal('InvalidTags', 400, 'Tags are at most 50 names with a text each.');
  return { location: location.replaceAll(' ', '').toLowerCase(), tags: Object.fromEntries(texts) };
}

function jsonBody(text: string): JsonObject {
  const body = parseJsonObject(text);
  if (body !== null) return body;
  throw new ResourceRefusal(
    'InvalidRequestContent',
    400,
    'The request content was invalid and could not be deserialized.',
  );
}

function scopeOf({ config }: Tenant): string {
  return `/subscriptions/${config.subscription}`;
}

function subscription(tenant: Tenant): JsonObject {
  const { subscription: subscriptionId, tenant: tenantId } = tenant.config;
  return {
    id: scopeOf(tenant),
    subscriptionId,
    tenantId,
    displayName: 'Hallpass sandbox',
    state: 'Enabled',
    authorizationSource: 'RoleBased',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'Sponsored_2016-01-01',
      spendingLimit: 'Off',
    },
  };
}

function groupBody({ name, location, tags }: ResourceGroup, tenant: Tenant): JsonObject {
  return {
    id: `${scopeOf(tenant)}/resourceGroups/${name}`,
    name,
    type: 'Microsoft.Resources/resourceGroups',
    location,
    tags,
    properties: { provisioningState: 'Succeeded' },
  };
}
