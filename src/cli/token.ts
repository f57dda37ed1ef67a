import { resolve } from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { parseDuration } from '../domain/duration.ts';
import { AppError, UsageError } from '../domain/errors.ts';
import { jsonText } from '../domain/json.ts';
import type { IdentityToken } from '../domain/token.ts';
import { phases } from '../domain/workload.ts';
import { inspectToken } from '../identity/inspect.ts';
import { checkedIssuerUrl } from '../identity/issuer-url.ts';
import type { VerificationKey } from '../identity/key-set.ts';
import { verifyToken } from '../identity/verify.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { openWorkload } from './open-workload.ts';
import { printWarning } from './print-error.ts';
import { addWorkloadOptions } from './workload-options.ts';

const help = `
Whoever holds a token can use it until it expires: keep it out of logs and of command lines. "-" reads it from standard
input.

Example:
  $ hallpass token mint --audience aws.workload.identity --phase plan | hallpass token inspect -`;

/** `hallpass token`: mints, decodes and verifies tokens. */
export const command: CommandFactory = (context) => {
  const built = new Command('token').description('Mints, decodes and verifies tokens.').addHelpText('after', help);
  for (const subcommand of [mint, inspect, verify]) built.addCommand(subcommand(context));
  return built;
};

const mint: CommandFactory = (context) =>
  addWorkloadOptions(
    new Command('mint')
      .description("Mints a token with the workspace's identity, and prints it and nothing else.")
      .requiredOption('--audience <audience>', 'who it is for, such as aws.workload.identity')
      .addOption(new Option('--phase <phase>', 'which half of a run it is for').choices(phases).makeOptionMandatory())
      .option(
        '--lifetime <duration>',
        'how long it lives, 10s to 24h (default: token_lifetime, else plan 2h, apply 24h)',
      )
      .option('--json', 'print { token, claims, expires_at }', false),
  )
    .addHelpText(
      'after',
      '\nExample:\n  $ hallpass token mint --audience vault.workload.identity --phase plan --lifetime 15m',
    )
    .action(async (options) => {
      const asked = options.lifetime === undefined ? null : parseDuration('--lifetime', options.lifetime);
      await using open = await openWorkload(context, options);
      const lifetimeSeconds = asked ?? open.workload.tokenLifetimeSeconds;
      for (const warning of await open.warnings()) printWarning(context.stderr, warning);
      const token = await open.issuer.mint({
        lease: open.leaseFor(options.phase),
        audience: options.audience,
        purpose: { platform: 'manual', tag: null, offered: null },
        ...(lifetimeSeconds === null ? {} : { lifetimeSeconds }),
      });
      context.stdout.write(options.json ? jsonText(tokenRecord(token)) : `${token.compact.reveal()}\n`);
    });

function tokenRecord({ compact, claims, expiresAt }: IdentityToken) {
  return { token: compact.reveal(), claims, expires_at: expiresAt.toISOString() };
}

const inspect: CommandFactory = (context) =>
  new Command('inspect')
    .description('Decodes a token without verifying it.')
    .argument('<token>', 'the token; better "-", which reads it from standard input')
    .option('--json', 'print { verified, header, claims }', false)
    .addHelpText('after', '\nExample:\n  $ hallpass token inspect - < token')
    .action(async (argument, options) => {
      const { header, claims } = inspectToken(await tokenFrom(argument, context));
      if (options.json) context.stdout.write(jsonText({ verified: false, header, claims }));
      else {
        const note = 'Decoded, not verified: anybody can write such a token. "hallpass token verify" checks it.';
        context.stdout.write(`${note}\n\nheader ${jsonText(header)}claims ${jsonText(claims)}${times(claims)}`);
      }
    });

function times(claims: Readonly<Record<string, unknown>>): string {
  const lines = ['iat', 'nbf', 'exp'].flatMap((name) => {
    const date = new Date(Number(claims[name]) * 1000);
    return Number.isNaN(date.getTime()) ? [] : [`${name}  ${date.toISOString()}\n`];
  });
  return lines.length === 0 ? '' : `\n${lines.join('')}`;
}

const verify: CommandFactory = (context) =>
  new Command('verify')
    .description('Verifies a token as a strict relying party does: signature, algorithm, times, issuer, audience.')
    .argument('<token>', 'the token; better "-", which reads it from standard input')
    .requiredOption('--issuer <url|dir>', 'issuer URL, or a directory of exported documents')
    .option('--audience <audience>', 'who it must be for (default: anybody)')
    .option('--json', 'print { valid, reason, claims }', false)
    .addHelpText(
      'after',
      '\nExample:\n  $ hallpass token verify --issuer https://id.example.com --audience aws.workload.identity - < token',
    )
    .action(async (argument, options) => {
      const compact = await tokenFrom(argument, context);
      const { issuer, keys } = await publishedKeysOf(options.issuer, context);
      const result = await verifyToken(compact, { issuer, keys, audience: options.audience, at: context.now() });
      if (options.json) {
        context.stdout.write(
          jsonText(
            result.valid
              ? { valid: true, reason: null, claims: result.claims }
              : { valid: false, reason: result.reason, claims: null },
          ),
        );
        if (!result.valid) context.exit(1);
        return;
      }
      if (!result.valid)
        throw new AppError('token_invalid', { what: `the token is refused: ${result.reason}`, where: issuer });
      const { claims } = result;
      context.stdout.write(
        `Valid: signed by ${result.kid} of ${issuer}\n  sub  ${claims.sub}\n  aud  ${claims.aud}\n  exp  ${new Date(claims.exp * 1000).toISOString()}\n`,
      );
    });

/** The issuer and its keys, from a URL or from a directory of exported documents. */
async function publishedKeysOf(
  place: string,
  context: CliContext,
): Promise<{ issuer: string; keys: readonly VerificationKey[] }> {
  if (!/^https?:\/\//i.test(place)) return keysInDirectory(place, context);
  const issuer = checkedIssuerUrl(place);
  const { fetchDocuments } = await import('../identity/fetch-documents.ts');
  const { keySet, findings } = await fetchDocuments(issuer, context.fetch);
  if (keySet !== null) return { issuer, keys: keySet.keys };
  throw new AppError('issuer_check_failed', {
    what: findings.find(({ severity }) => severity === 'error')?.what ?? 'the documents cannot be fetched',
    where: issuer,
    mend: `hallpass issuer check ${issuer}`,
  });
}

async function keysInDirectory(place: string, { settings }: CliContext) {
  const { readPublishedDirectory } = await import('../identity/published-directory.ts');
  const directory = resolve(settings.workingDirectory, place);
  const { issuer, keySet } = await readPublishedDirectory(directory);
  if (issuer !== null && keySet !== null) return { issuer, keys: keySet.keys };
  throw new AppError('directory_invalid', {
    what: `${directory} does not hold exported documents`,
    where: directory,
    mend: 'name the directory that holds .well-known: hallpass issuer export DIR writes it',
  });
}

const longestInput = 64_000;

async function tokenFrom(argument: string, { stdin }: CliContext): Promise<string> {
  if (argument !== '-') return argument.trim();
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stdin) {
    const bytes = Buffer.from(part as Uint8Array | string);
    length += bytes.length;
    if (length > longestInput)
      throw new UsageError({ what: 'standard input is too long for a token', mend: 'pass the token alone' });
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8').trim();
}
