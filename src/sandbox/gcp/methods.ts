import type { JsonObject } from '../../domain/json.ts';
import { generateAccessToken } from './iam-credentials.ts';
import type { GcpProject, MethodCall } from './project.ts';
import {
  accessVersion,
  addVersion,
  changeVersion,
  createSecret,
  deleteSecret,
  getSecret,
  getVersion,
  listSecrets,
  listVersions,
  updateSecret,
} from './secret-manager.ts';
import { exchangeToken, introspectToken } from './sts.ts';
import { allowedLocations, getProject, tokenInfo, userInfo } from './token-facts.ts';

/** One method of a Google API that the stand-in has. */
export interface Method {
  /** `SERVICE:METHOD`, as logs and `latency_milliseconds` name it. */
  readonly action: string;
  /** The only host that has it, when a call names a host of Google. */
  readonly hosts: readonly string[];
  readonly verbs: readonly string[];
  /** The whole path; what it captures are the handler's `parts`. */
  readonly path: RegExp;
  readonly handle: (request: MethodCall, project: GcpProject) => JsonObject | Promise<JsonObject>;
}

const method = (
  action: string,
  host: string | readonly string[],
  verb: string | readonly string[],
  path: RegExp,
  handle: Method['handle'],
): Method => ({ action, hosts: [host].flat(), verbs: [verb].flat(), path, handle });

const sts = 'sts.googleapis.com';
const iamCredentials = 'iamcredentials.googleapis.com';
const secrets = 'secretmanager.googleapis.com';
const oauth = ['oauth2.googleapis.com', 'www.googleapis.com'];
const userInfoHosts = ['openidconnect.googleapis.com', 'www.googleapis.com', 'oauth2.googleapis.com'];

/** Every method; the first that fits a call answers it. */
export const methods: readonly Method[] = [
  method('sts:token', sts, 'POST', /^\/v1\/token$/, exchangeToken),
  method('sts:introspect', sts, 'POST', /^\/v1\/introspect$/, introspectToken),
  method(
    'iamcredentials:generateAccessToken',
    iamCredentials,
    'POST',
    /^\/v1\/projects\/([^/]+)\/serviceAccounts\/([^/:]+):generateAccessToken$/,
    generateAccessToken,
  ),
  method(
    'iamcredentials:getAllowedLocations',
    iamCredentials,
    'GET',
    /^\/v1\/projects\/[^/]+\/(?:serviceAccounts\/[^/:]+|locations\/global\/workloadIdentityPools\/[^/:]+)\/allowedLocations$/,
    allowedLocations,
  ),
  method('secretmanager:secrets.list', secrets, 'GET', /^\/v1\/projects\/([^/]+)\/secrets$/, listSecrets),
  method('secretmanager:secrets.create', secrets, 'POST', /^\/v1\/projects\/([^/]+)\/secrets$/, createSecret),
  method('secretmanager:secrets.get', secrets, 'GET', /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)$/, getSecret),
  method('secretmanager:secrets.patch', secrets, 'PATCH', /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)$/, updateSecret),
  method(
    'secretmanager:secrets.delete',
    secrets,
    'DELETE',
    /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)$/,
    deleteSecret,
  ),
  method(
    'secretmanager:secrets.addVersion',
    secrets,
    'POST',
    /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+):addVersion$/,
    addVersion,
  ),
  method(
    'secretmanager:versions.list',
    secrets,
    'GET',
    /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)\/versions$/,
    listVersions,
  ),
  method(
    'secretmanager:versions.get',
    secrets,
    'GET',
    /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)\/versions\/([^/:]+)$/,
    getVersion,
  ),
  method(
    'secretmanager:versions.access',
    secrets,
    'GET',
    /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)\/versions\/([^/:]+):access$/,
    accessVersion,
  ),
  method(
    'secretmanager:versions.change',
    secrets,
    'POST',
    /^\/v1\/projects\/([^/]+)\/secrets\/([^/:]+)\/versions\/([^/:]+):(destroy|disable|enable)$/,
    changeVersion,
  ),
  method('oauth2:tokeninfo', oauth, ['GET', 'POST'], /^\/(?:tokeninfo|oauth2\/v[123]\/tokeninfo)$/, tokenInfo),
  method('oauth2:userinfo', userInfoHosts, ['GET', 'POST'], /^\/(?:v1|oauth2\/v[123])\/userinfo$/, userInfo),
  method(
    'cloudresourcemanager:projects.get',
    'cloudresourcemanager.googleapis.com',
    'GET',
    /^\/v1\/projects\/([^/:]+)$/,
    getProject,
  ),
];
