import type { AzureError } from '../../platforms/azure/aadsts.ts';
import type { JsonObject } from '../../domain/json.ts';
import { isForm } from '../http-call.ts';
import { acceptAssertion } from './assertion.ts';
import type { AzureApplication } from './config.ts';
import { EntraRefusal } from './refusal.ts';
import { resourceKind } from './resources.ts';
import type { Tenant, TenantCall } from './tenant.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const elsewhere =
  'This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.';

/**
 * Answers one access token request of the client credentials flow with an assertion.
 *
 * @param asked tenant as the path names it
 * @throws {EntraRefusal}
 * @see Microsoft identity platform, "OAuth 2.0 client credentials flow"
 */
export async function issueToken(asked: string, request: TenantCall, tenant: Tenant): Promise<JsonObject> {
  requireTenant(asked, tenant);
  const form = formOf(request);
  const grant = required(form, 'grant_type');
  if (grant !== 'client_credentials')
    throw refusal(70003, 'unsupported_grant_type', `The app requested an unsupported grant type '${shown(grant)}'.`);
  const application = applicationOf(required(form, 'client_id'), tenant);
  request.note({ role: application.clientId });
  const resource = resourceOf(required(form, 'scope'), request.base, tenant);
  request.note({ resource });
  const assertion = assertionOf(form, application);
  await acceptAssertion(assertion, application, tenant, request.note);
  const seconds = tenant.config.token_seconds ?? 3600 + Math.floor(Math.random() * 1801);
  const at = tenant.now();
  const expiresAt = new Date(at.getTime() + seconds * 1000);
  request.note({ expires_at: expiresAt.toISOString() });
  const token = await tenant.tokens.issue({ audience: resource, application, expiresAt }, at);
  // Entra counts the second that has begun.
  const left = Math.max(1, seconds - 1);
  return { token_type: 'Bearer', expires_in: left, ext_expires_in: left, access_token: token };
}

/** @throws {EntraRefusal} `AADSTS90002` for any tenant but the one that is played */
export function requireTenant(asked: string, tenant: Tenant): void {
  if (asked.toLowerCase() === tenant.config.tenant) return;
  throw refusal(
    90002,
    'invalid_request',
    `Tenant '${shown(asked)}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
    [`the path names tenant ${shown(asked)}; this stand-in plays ${tenant.config.tenant}`],
  );
}

function formOf({ call }: TenantCall): ReadonlyMap<string, string> {
  const parameters = [...new URLSearchParams(isForm(call) ? call.body.toString('utf8') : '')];
  const form = new Map(parameters);
  const double = parameters.find(([name], index) => parameters.findIndex(([other]) => other === name) !== index)?.[0];
  if (double !== undefined) {
    throw refusal(
      9000411,
      'invalid_request',
      `The request is not properly formatted. The parameter '${shown(double)}' is duplicated.`,
    );
  }
  return form;
}

function required(form: ReadonlyMap<string, string>, name: string): string {
  const value = form.get(name);
  if (value) return value;
  throw refusal(900144, 'invalid_request', `The request body must contain the following parameter: '${name}'.`);
}

function applicationOf(clientId: string, tenant: Tenant): AzureApplication {
  const application = tenant.config.applications.find((one) => one.clientId === clientId.toLowerCase());
  if (application !== undefined) return application;
  const known = tenant.config.applications.map((one) => one.clientId).join(', ') || 'none';
  throw refusal(
    700016,
    'unauthorized_client',
    `Application with identifier '${shown(clientId)}' was not found in the directory '${tenant.config.tenant}'. ${elsewhere} You may have sent your authentication request to the wrong tenant.`,
    [`there is no application ${shown(clientId)}; the tenant's applications are ${known}`],
  );
}

/** The one resource of a scope, as it will stand in `aud`. */
function resourceOf(scope: string, base: string, tenant: Tenant): string {
  const scopes = scope.split(' ').filter((one) => one !== '');
  if (scopes.length > 1) {
    throw refusal(
      28000,
      'invalid_request',
      `Provided value for the input parameter scope is not valid because it contains more than one resource. Scope ${shown(scope)} is not valid.`,
    );
  }
  const suffix = '/.default';
  if (scopes[0]?.endsWith(suffix) !== true) {
    throw refusal(
      1002012,
      'invalid_scope',
      `The provided value for scope ${shown(scope)} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    );
  }
  const resource = scopes[0].slice(0, -suffix.length);
  if (resourceKind(resource, base) !== null) return resource;
  throw refusal(
    500011,
    'invalid_resource',
    `The resource principal named ${shown(resource)} was not found in the tenant named ${tenant.config.tenant}. ${elsewhere} You might have sent your authentication request to the wrong tenant.`,
  );
}

function assertionOf(form: ReadonlyMap<string, string>, application: AzureApplication): string {
  const assertion = form.get('client_assertion');
  if (assertion && form.get('client_assertion_type') === assertionType) return assertion;
  if (assertion) required(form, 'client_assertion_type');
  if (form.get('client_secret')) {
    throw refusal(
      7000215,
      'invalid_client',
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${application.clientId}'.`,
    );
  }
  throw refusal(
    7000216,
    'invalid_client',
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
  );
}

function refusal(code: number, oauth: string, description: string, reasons: readonly string[] = []): EntraRefusal {
  const status: AzureError['status'] = oauth === 'invalid_client' ? 401 : 400;
  return new EntraRefusal({ code: `AADSTS${code}`, oauth, description, status }, { reasons });
}

/** What a caller sent, short enough for an error. */
function shown(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
