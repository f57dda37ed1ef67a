import { wellKnownPaths } from '../../identity/discovery.ts';
import { issuerPath } from '../../identity/issuer-url.ts';
import { shellQuoted } from '../../files/shell-quoted.ts';

/** Static hosts for which we know the commands. */
export const hosts = ['s3', 'cloudfront', 'nginx'] as const;
export type Host = (typeof hosts)[number];

interface Upload {
  readonly directory: string;
  readonly issuer: string;
  readonly cacheControl: string;
}

/** Keys first: a discovery document must not point to keys that are not there yet. */
const order = [wellKnownPaths.jwks, wellKnownPaths.jwksJson, wellKnownPaths.configuration];

/** Prints what brings exported documents to a host, with the content type and caching that platforms want. */
export function uploadCommands(host: Host, upload: Upload): string {
  return { s3, cloudfront, nginx }[host](upload);
}

function s3({ directory, issuer, cacheControl }: Upload): string {
  const lines = order.map((path) =>
    [
      `aws s3 cp ${shellQuoted(`${directory}${path}`)} s3://BUCKET${issuerPath(issuer)}${path}`,
      `  --content-type application/json --cache-control '${cacheControl}'`,
    ].join(' \\\n'),
  );
  return `${lines.join('\n')}\n`;
}

function cloudfront(upload: Upload): string {
  const paths = `'${issuerPath(upload.issuer)}/.well-known/*'`;
  return `${s3(upload)}aws cloudfront create-invalidation --distribution-id DISTRIBUTION --paths ${paths}\n`;
}

function nginx({ directory, issuer, cacheControl }: Upload): string {
  const prefix = issuerPath(issuer);
  const where = prefix === '' ? `root ${directory};` : `alias ${directory}/.well-known/;`;
  return [
    `location ${prefix}/.well-known/ {`,
    `    ${where}`,
    '    types { }',
    '    default_type application/json;',
    `    add_header Cache-Control "${cacheControl}";`,
    '}',
    '',
  ].join('\n');
}
