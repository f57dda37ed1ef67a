import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { isoSeconds } from '../../domain/iso-seconds.ts';
import { Secret as Hidden } from '../../domain/secret.ts';
import { authenticate } from './authenticate.ts';
import { authorize, type Permission } from './authorize.ts';
import { crc32c } from './crc32c.ts';
import { jsonBody } from './json-body.ts';
import type { GcpProject, MethodCall } from './project.ts';
import { apiRefusal, permissionDenied } from './refusal.ts';
import type { StoredSecret, StoredVersion } from './secret-store.ts';

const mostBytes = 65_536;

/** `GET projects/P/secrets`. */
export function listSecrets(request: MethodCall, project: GcpProject): JsonObject {
  allowed(request, project, 'secretmanager.secrets.list', null);
  const secrets = [...project.secrets.values()].map((secret) => secretJson(secret, project));
  return page(request, secrets, 'secrets', 25_000);
}

/** `POST projects/P/secrets?secretId=S`. */
export function createSecret(request: MethodCall, project: GcpProject): JsonObject {
  allowed(request, project, 'secretmanager.secrets.create', null);
  const name = new URLSearchParams(request.call.query).get('secretId') ?? '';
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name))
    throw apiRefusal('INVALID_ARGUMENT', 'Secret ID must match [a-zA-Z_0-9]+.', {
      reasons: [`secretId is ${JSON.stringify(name)}; it must have 1 to 255 letters, digits, - or _`],
    });
  const body = jsonBody(request.call);
  if (!isJsonObject(body['replication']))
    throw apiRefusal('INVALID_ARGUMENT', 'The replication field is required.', {
      reasons: ['the secret has no member replication, such as {"automatic": {}}'],
    });
  if (project.secrets.has(name))
    throw apiRefusal('ALREADY_EXISTS', `Secret [${secretName(name, project)}] already exists.`, {
      reasons: [`there is a secret ${name} already`],
    });
  const secret: StoredSecret = {
    name,
    createdAt: project.now(),
    iamPolicy: { bindings: [] },
    attributes: attributesOf(body),
    revision: 1,
    versions: [],
  };
  project.secrets.set(name, secret);
  return secretJson(secret, project);
}

/** `GET projects/P/secrets/S`. */
export function getSecret(request: MethodCall, project: GcpProject): JsonObject {
  return secretJson(allowed(request, project, 'secretmanager.secrets.get', request.parts[1]!), project);
}

/** `PATCH projects/P/secrets/S?updateMask=…`: labels and annotations. */
export function updateSecret(request: MethodCall, project: GcpProject): JsonObject {
  const secret = allowed(request, project, 'secretmanager.secrets.update', request.parts[1]!);
  const mask = (new URLSearchParams(request.call.query).get('updateMask') ?? '').split(',').filter((path) => path);
  const other = mask.find((path) => path !== 'labels' && path !== 'annotations');
  if (mask.length === 0 || other !== undefined)
    throw apiRefusal('INVALID_ARGUMENT', `Invalid update mask: ${mask.join(',')}`, {
      reasons: [`updateMask is ${JSON.stringify(mask.join(','))}; the stand-in changes labels and annotations only`],
    });
  const body = jsonBody(request.call);
  secret.attributes = {
    ...secret.attributes,
    ...Object.fromEntries(mask.map((path) => [path, isJsonObject(body[path]) ? body[path] : {}])),
  };
  secret.revision += 1;
  return secretJson(secret, project);
}

/** `DELETE projects/P/secrets/S`. */
export function deleteSecret(request: MethodCall, project: GcpProject): JsonObject {
  const secret = allowed(request, project, 'secretmanager.secrets.delete', request.parts[1]!);
  project.secrets.delete(secret.name);
  return {};
}

/** `POST projects/P/secrets/S:addVersion`; a checksum that comes with the data is checked. */
export function addVersion(request: MethodCall, project: GcpProject): JsonObject {
  const secret = allowed(request, project, 'secretmanager.versions.add', request.parts[1]!);
  const payload = jsonBody(request.call)['payload'];
  const data = isJsonObject(payload) ? payload['data'] : undefined;
  if (!isJsonObject(payload) || typeof data !== 'string' || data === '')
    throw apiRefusal('INVALID_ARGUMENT', 'The payload field is required.', {
      reasons: ['the call has no payload.data with text in base64'],
    });
  // Both alphabets of base64 are taken, as protocol buffers do.
  const bytes = Buffer.from(data, 'base64');
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(data))
    throw apiRefusal('INVALID_ARGUMENT', "Invalid value at 'payload.data' (TYPE_BYTES), Base64 decoding failed", {
      reasons: ['payload.data is not base64'],
    });
  if (bytes.length > mostBytes)
    throw apiRefusal('INVALID_ARGUMENT', `The payload size exceeds the limit of ${mostBytes} bytes.`, {
      reasons: [`the payload has ${bytes.length} bytes; at most ${mostBytes} are taken`],
    });
  requireChecksum(payload['dataCrc32c'], crc32c(bytes));
  const version: StoredVersion = {
    number: (secret.versions.at(-1)?.number ?? 0) + 1,
    createdAt: project.now(),
    state: 'ENABLED',
    destroyedAt: null,
    data: new Hidden(bytes.toString('base64')),
  };
  secret.versions.push(version);
  const checked = payload['dataCrc32c'] !== undefined;
  return { ...versionJson(secret, version, project), ...(checked && { clientSpecifiedPayloadChecksum: true }) };
}

/** `GET projects/P/secrets/S/versions`, the newest first. */
export function listVersions(request: MethodCall, project: GcpProject): JsonObject {
  const secret = allowed(request, project, 'secretmanager.versions.list', request.parts[1]!);
  const versions = secret.versions.map((version) => versionJson(secret, version, project)).reverse();
  return page(request, versions, 'versions', 25_000);
}

/** `GET projects/P/secrets/S/versions/V`. */
export function getVersion(request: MethodCall, project: GcpProject): JsonObject {
  const { secret, version } = versionOf(request, project, 'secretmanager.versions.get');
  return versionJson(secret, version, project);
}

/** `GET projects/P/secrets/S/versions/V:access`: the secret itself. */
export function accessVersion(request: MethodCall, project: GcpProject): JsonObject {
  const { secret, version } = versionOf(request, project, 'secretmanager.versions.access');
  if (version.state !== 'ENABLED' || version.data === null)
    throw apiRefusal(
      'FAILED_PRECONDITION',
      `Secret Version [${versionName(secret, version, project)}] is in ${version.state} state.`,
      { reasons: [`version ${version.number} of ${secret.name} is ${version.state}`] },
    );
  const data = version.data.reveal();
  const dataCrc32c = String(crc32c(Buffer.from(data, 'base64')));
  return { name: versionName(secret, version, project), payload: { data, dataCrc32c } };
}

/** `POST projects/P/secrets/S/versions/V:destroy`, `:disable`, `:enable`. */
export function changeVersion(request: MethodCall, project: GcpProject): JsonObject {
  const verb = request.parts[3] as 'destroy' | 'disable' | 'enable';
  const { secret, version } = versionOf(request, project, `secretmanager.versions.${verb}`);
  if (version.state === 'DESTROYED')
    throw apiRefusal(
      'FAILED_PRECONDITION',
      `Secret Version [${versionName(secret, version, project)}] is in DESTROYED state.`,
      { reasons: [`version ${version.number} of ${secret.name} has been destroyed`] },
    );
  version.state = verb === 'destroy' ? 'DESTROYED' : verb === 'disable' ? 'DISABLED' : 'ENABLED';
  if (verb === 'destroy') {
    version.data = null;
    version.destroyedAt = project.now();
  }
  return versionJson(secret, version, project);
}

/**
 * Checks who calls, then the permission, then that the thing is there: whoever may not see a secret does not learn
 * whether it exists.
 */
function allowed(request: MethodCall, project: GcpProject, permission: Permission, name: null): null;
function allowed(request: MethodCall, project: GcpProject, permission: Permission, name: string): StoredSecret;
function allowed(
  request: MethodCall,
  project: GcpProject,
  permission: Permission,
  name: string | null,
): StoredSecret | null {
  const token = authenticate(request, project);
  const asked = request.parts[0]!;
  const resource = `projects/${asked}${name === null ? '' : `/secrets/${request.parts.slice(1, 3).join('/versions/')}`}`;
  request.note({ resource });
  const { id, number } = project.config.project;
  if (asked !== id && asked !== number)
    throw permissionDenied(permission, resource, {
      reasons: [`the call is about project ${asked}; the stand-in plays ${id} (${number})`],
    });
  const secret = name === null ? null : project.secrets.get(name);
  authorize(permission, resource, token, [project.config.iamPolicy, ...(secret ? [secret.iamPolicy] : [])]);
  if (secret !== undefined) return secret;
  throw apiRefusal('NOT_FOUND', `Secret [${secretName(name!, project)}] not found.`, {
    reasons: [`there is no secret ${name}; there are ${[...project.secrets.keys()].join(', ') || 'none'}`],
  });
}

function versionOf(
  request: MethodCall,
  project: GcpProject,
  permission: Permission,
): { readonly secret: StoredSecret; readonly version: StoredVersion } {
  const secret = allowed(request, project, permission, request.parts[1]!);
  const wanted = request.parts[2]!;
  const version =
    wanted === 'latest' ? secret.versions.at(-1) : secret.versions.find(({ number }) => String(number) === wanted);
  if (version !== undefined) return { secret, version };
  const name = secretName(secret.name, project);
  throw apiRefusal(
    'NOT_FOUND',
    wanted === 'latest'
      ? `Secret [${name}] not found or has no versions.`
      : `Secret Version [${name}/versions/${wanted}] not found.`,
    {
      reasons: [
        `secret ${secret.name} has versions ${secret.versions.map(({ number }) => number).join(', ') || 'none'}`,
      ],
    },
  );
}

function requireChecksum(given: Json | undefined, actual: number): void {
  // int64 is text in JSON, and a number is taken too.
  if (given === undefined || given === String(actual) || given === actual) return;
  throw apiRefusal('INVALID_ARGUMENT', 'The checksum provided in the request does not match the payload.', {
    reasons: [`payload.dataCrc32c is ${JSON.stringify(given)}; the CRC-32C of the data is ${actual}`],
  });
}

/** What a client wrote and will want to find again; the rest of a secret is the stand-in's own. */
function attributesOf(body: JsonObject): JsonObject {
  const kept = ['replication', 'labels', 'annotations', 'versionDestroyTtl'];
  return Object.fromEntries(Object.entries(body).filter(([name, value]) => kept.includes(name) && value !== null));
}

function secretName(name: string, project: GcpProject): string {
  return `projects/${project.config.project.number}/secrets/${name}`;
}

function versionName(secret: StoredSecret, version: StoredVersion, project: GcpProject): string {
  return `${secretName(secret.name, project)}/versions/${version.number}`;
}

function secretJson(secret: StoredSecret, project: GcpProject): JsonObject {
  return {
    name: secretName(secret.name, project),
    createTime: isoSeconds(secret.createdAt),
    ...secret.attributes,
    etag: `"${secret.revision.toString(16).padStart(12, '0')}"`,
  };
}

function versionJson(secret: StoredSecret, version: StoredVersion, project: GcpProject): JsonObject {
  return {
    name: versionName(secret, version, project),
    createTime: isoSeconds(version.createdAt),
    ...(version.destroyedAt !== null && { destroyTime: isoSeconds(version.destroyedAt) }),
    state: version.state,
    replicationStatus: { automatic: {} },
  };
}

/** One page of a list; the token of the next one is where it starts. */
function page(request: MethodCall, items: readonly JsonObject[], member: string, most: number): JsonObject {
  const query = new URLSearchParams(request.call.query);
  const size = Math.min(wholeNumber(query.get('pageSize')) || most, most);
  const start = wholeNumber(query.get('pageToken'));
  const list: JsonObject = { [member]: items.slice(start, start + size), totalSize: items.length };
  return start + size < items.length ? { ...list, nextPageToken: String(start + size) } : list;
}

function wholeNumber(text: string | null): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
