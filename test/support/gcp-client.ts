import { gcpAudience } from './gcp-project.ts';

/** A token exchange as Google's libraries send it; every parameter may be replaced, and taken out with undefined. */
export async function exchange(
  endpoint: string,
  subjectToken: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): Promise<Response> {
  const all = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: gcpAudience,
    scope: 'https://www.googleapis.com/auth/cloud-platform',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: subjectToken,
    ...parameters,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return fetch(`${endpoint}/v1/token`, { method: 'POST', body: new URLSearchParams(given) });
}

/** The federated access token of a sound exchange. */
export async function federated(endpoint: string, subjectToken: string): Promise<string> {
  const response = await exchange(endpoint, subjectToken);
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`the exchange was refused: ${response.status}`);
  return token;
}

/** A call of one of Google's JSON APIs. */
export async function callApi(
  endpoint: string,
  call: { readonly path: string; readonly token?: string; readonly body?: unknown; readonly method?: string },
): Promise<Response> {
  const { path, token, body, method = body === undefined ? 'GET' : 'POST' } = call;
  return fetch(`${endpoint}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** `generateAccessToken` of a service account. */
export async function impersonate(
  endpoint: string,
  email: string,
  token: string | undefined,
  body: Readonly<Record<string, unknown>> = {},
): Promise<Response> {
  return callApi(endpoint, {
    path: `/v1/projects/-/serviceAccounts/${email}:generateAccessToken`,
    ...(token !== undefined && { token }),
    body: { scope: ['https://www.googleapis.com/auth/cloud-platform'], lifetime: '3600s', ...body },
  });
}

/** The access token of a service account, by way of a token of ours. */
export async function accountToken(endpoint: string, email: string, subjectToken: string): Promise<string> {
  const response = await impersonate(endpoint, email, await federated(endpoint, subjectToken));
  const { accessToken } = (await response.json()) as { accessToken?: string };
  if (accessToken === undefined) throw new Error(`the impersonation was refused: ${response.status}`);
  return accessToken;
}
