import type { CredentialSet, SecretFile } from '../../domain/credential.ts';
import type { IdentityToken } from '../../domain/token.ts';
import { apiServer, type ApiServer } from './api-server.ts';

/** Where a set goes, and what the command will be told of the cluster. */
export interface KubernetesPlace {
  /** Absolute, the same in plan and apply. */
  readonly directory: string;
  /** The child's environment: `KUBE_HOST`, `KUBE_CLUSTER_CA_CERT_DATA`, … */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Token → files, environment and input variable. Pure.
 *
 * The Terraform providers take `KUBE_TOKEN`. kubectl, Helm's own command and client libraries do not know that name: where
 * the address of the API server is known, a kubeconfig serves them through `KUBECONFIG`, which the providers do not read.
 */
export function renderKubernetes(token: IdentityToken, place: KubernetesPlace): CredentialSet {
  const server = apiServer(place.environment);
  const tokenPath = `${place.directory}/token`;
  const configPath = `${place.directory}/kubeconfig`;
  const files: readonly SecretFile[] = [{ name: 'token', contents: token.compact }];
  return {
    environment: { KUBE_TOKEN: token.compact, ...(server === null ? {} : { KUBECONFIG: configPath }) },
    files: server === null ? files : [...files, { name: 'kubeconfig', contents: kubeconfig(server, tokenPath) }],
    input: { token_path: tokenPath },
    expiresAt: token.expiresAt,
  };
}

/**
 * A kubeconfig of one context. It names the token's file, so it holds no secret.
 *
 * @see Kubernetes docs, "kubeconfig (v1)"
 */
function kubeconfig(server: ApiServer, tokenPath: string): string {
  const name = 'hallpass';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: server.url,
          ...trust(server),
          ...(server.serverName === null ? {} : { 'tls-server-name': server.serverName }),
        },
      },
    ],
    users: [{ name, user: { tokenFile: tokenPath } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  // JSON is YAML, and needs no rules of quoting.
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** kubectl refuses an authority beside the switch that makes it useless. */
function trust(server: ApiServer): Record<string, unknown> {
  if (server.isInsecure) return { 'insecure-skip-tls-verify': true };
  return server.ca === null ? {} : { 'certificate-authority-data': Buffer.from(server.ca).toString('base64') };
}
