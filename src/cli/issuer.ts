import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { jsonText } from '../domain/json.ts';
import { checkIssuer, type IssuerCheck } from '../identity/check.ts';
import { exportDocuments } from '../identity/export.ts';
import { checkedIssuerUrl, isLoopbackIssuer } from '../identity/issuer-url.ts';
import { openIssuer, requireIssuer, type Issuer } from '../identity/issuer.ts';
import { publishedKeys } from '../identity/key-ring.ts';
import { keyMissing } from '../identity/key-store/file.ts';
import { withdrawKey } from '../identity/withdraw.ts';
import type { CliContext, CommandFactory } from './context.ts';
import { parseListen, serveIssuer, usualListen } from './issuer/serve.ts';
import { hosts, uploadCommands } from './issuer/upload-commands.ts';
import { keyRecord } from './keys/key-record.ts';
import { namedIssuer, openKeys, type OpenKeys } from './keys/open-keys.ts';
import { printWarning } from './print-error.ts';

const help = `
Platforms know an issuer by two documents below its URL: .well-known/openid-configuration and .well-known/jwks. Serve them
yourself, or export them to any static host; "check" looks at them as a platform would.

Example:
  $ hallpass issuer export public
  $ hallpass issuer check https://id.example.com`;

/** `hallpass issuer`: shows, exports, checks and serves the documents by which platforms know us. */
export const command: CommandFactory = (context) => {
  const built = new Command('issuer')
    .description('Shows, exports, checks and serves the documents by which platforms know the issuer.')
    .addHelpText('after', help);
  for (const subcommand of [show, exportTo, check, serve, withdraw]) built.addCommand(subcommand(context));
  return built;
};

const show: CommandFactory = (context) =>
  new Command('show')
    .description('Shows the issuer and its documents.')
    .option('--json', 'print { issuer, keys, configuration, jwks }', false)
    .addHelpText('after', '\nExample:\n  $ hallpass issuer show')
    .action(async (options) => {
      await using keys = await openKeys(context);
      const issuer = await issuerOf(keys, context);
      const documents = await issuer.documents();
      const { ring } = await keys.ring();
      const [configuration, jwks] = [parsed(documents.configuration), parsed(documents.jwks)];
      if (options.json) {
        const records = publishedKeys(ring, keys.keeper.seconds()).map(keyRecord);
        context.stdout.write(jsonText({ issuer: issuer.url, keys: records, configuration, jwks }));
      } else {
        context.stdout.write(
          [
            `issuer  ${issuer.url}\n`,
            `${issuer.url}/.well-known/openid-configuration\n${documents.configuration}`,
            `${issuer.url}/.well-known/jwks\n${documents.jwks}`,
          ].join('\n'),
        );
      }
      for (const warning of await issuer.warnings()) printWarning(context.stderr, warning);
    });

const exportTo: CommandFactory = (context) =>
  new Command('export')
    .description('Writes the documents for any static host: DIR/.well-known/openid-configuration, jwks, jwks.json.')
    .argument('<dir>', 'the directory that is served at the issuer URL')
    .option('--merge', 'keep keys of others that are published there', false)
    .addOption(new Option('--for <host>', 'print what uploads the documents there').choices(hosts))
    .option('--json', 'print { directory, files, kids, kept }', false)
    .addHelpText('after', '\nExample:\n  $ hallpass issuer export public --for s3')
    .action(async (dir, options) => {
      await using keys = await openKeys(context);
      const issuer = await issuerOf(keys, context);
      const directory = resolve(context.settings.workingDirectory, dir);
      const { files, kids, keptKids } = await exportRecorded(directory, options.merge, issuer, keys);
      const commands =
        options.for &&
        uploadCommands(options.for, { directory, issuer: issuer.url, cacheControl: await cacheControl(issuer) });
      if (options.json)
        context.stdout.write(jsonText({ directory, files, kids, kept: keptKids, ...(commands ? { commands } : {}) }));
      else context.stdout.write(commands ?? exportText(files, keptKids, issuer.url));
    });

/** The audit knows of an export before the files change; the ring counts its keys as published after. */
async function exportRecorded(directory: string, merge: boolean, issuer: Issuer, keys: OpenKeys) {
  const { ring } = await keys.ring();
  const kids = publishedKeys(ring, keys.keeper.seconds()).map((key) => key.kid);
  const ownKids = new Set([...ring.keys.map((key) => key.kid), ...ring.formerKids]);
  const documents = await issuer.documents();
  const written = await exportDocuments(directory, { issuer: issuer.url, documents, ownKids, merge });
  await keys.audit.append({
    type: 'issuer_exported',
    directory,
    kids,
    outcome: 'ok',
    actor: keys.actor,
    workload: null,
    lease: null,
    known_by: 'issuer',
  });
  await keys.keeper.recordPublished(kids, 'export', directory);
  return { ...written, kids };
}

function exportText(files: readonly string[], kept: readonly string[], issuer: string): string {
  return [
    ...files.map((file) => `wrote ${file}`),
    ...kept.map((kid) => `kept the key ${kid}, which is not ours`),
    `Next: upload them to ${issuer} (--for s3|cloudfront|nginx prints how), then: hallpass issuer check ${issuer}`,
    '',
  ].join('\n');
}

async function cacheControl(issuer: Issuer): Promise<string> {
  return `public, max-age=${(await issuer.documents()).maxAgeSeconds}`;
}

const check: CommandFactory = (context) =>
  new Command('check')
    .description('Fetches the documents as a platform would, and says what each platform will think of them.')
    .argument('[url]', 'the issuer URL (default: that of the data directory)')
    .option('--json', 'print { url, passed, findings, kids, platforms }', false)
    .addHelpText('after', '\nExample:\n  $ hallpass issuer check https://id.example.com')
    .action(async (url, options) => {
      const result = await checkRecorded(url === undefined ? undefined : checkedIssuerUrl(url), context);
      const { passed, findings, kids, platforms } = result;
      context.stdout.write(
        options.json ? jsonText({ url: result.url, passed, findings, kids, platforms }) : checkText(result),
      );
      if (!passed) context.exit(1);
    });

/** Compares with the keys of the data directory where it is that issuer's, and records what was seen. */
async function checkRecorded(url: string | undefined, context: CliContext): Promise<IssuerCheck> {
  const { settings } = context;
  if (url !== undefined && !existsSync(join(settings.dataDirectory, 'keys.json')))
    return checkIssuer(url, null, context.fetch);
  await using keys = await openKeys(context);
  const { ring, publicJwks } = await keys.ring();
  if (url !== undefined && url !== ring.issuer) return checkIssuer(url, null, context.fetch);
  const own = publishedKeys(ring, keys.keeper.seconds()).map((key) => publicJwks.get(key.kid)!);
  const result = await checkIssuer(ring.issuer, own, context.fetch);
  await keys.audit.append({
    type: 'issuer_checked',
    url: ring.issuer,
    kids: result.kids,
    problems: result.findings.filter(({ severity }) => severity === 'error').map(({ what }) => what),
    outcome: result.passed ? 'ok' : 'failed',
    actor: keys.actor,
    workload: null,
    lease: null,
    known_by: 'issuer',
  });
  if (result.ownKids.length > 0) await keys.keeper.recordPublished(result.ownKids, 'check', ring.issuer);
  return result;
}

function checkText({ url, passed, findings, kids, ownKids, platforms }: IssuerCheck): string {
  return [
    `${url}: ${passed ? 'good' : 'not good'}`,
    ...kids.map((kid) => `  key ${kid}${ownKids.includes(kid) ? ' (ours)' : ''}`),
    ...findings.flatMap(({ severity, what, mend }) => [`${severity}: ${what}`, ...(mend ? [`  hint:  ${mend}`] : [])]),
    '',
    'What platforms will think of the URL:',
    ...platforms.map(
      ({ platform, usable, notes }) =>
        `  ${usable ? 'can use it   ' : 'cannot use it'}  ${platform}: ${notes.join('; ')}`,
    ),
    '',
  ].join('\n');
}

const serve: CommandFactory = (context) =>
  new Command('serve')
    .description('Serves the two documents of the data directory, and nothing else, until Ctrl-C.')
    .option('--listen <host:port>', "address (default: the issuer's own on loopback, else 127.0.0.1:8300)")
    .option(
      '--issuer <url>',
      'issuer URL, for a loopback issuer without keys (default: HALLPASS_ISSUER, hallpass.yaml)',
    )
    .option('--json', 'print one line { ready, url, issuer } when ready', false)
    .addHelpText(
      'after',
      '\nPlain HTTP: put a server with a certificate in front of it.\n\nExample:\n  $ hallpass issuer serve --listen 127.0.0.1:8300',
    )
    .action(async (options) => {
      const asked = options.listen === undefined ? null : parseListen(options.listen);
      await using keys = await openKeys(context);
      const issuer = await issuerOf(keys, context, options.issuer);
      await serveIssuer({ issuer, keys, listen: asked ?? usualListen(issuer.url), json: options.json }, context);
    });

const withdraw: CommandFactory = (context) =>
  new Command('withdraw')
    .description('Takes a key out of exported documents, without a data directory: when that was lost or stolen.')
    .argument('<kid>', 'the key')
    .argument('<dir>', 'the directory that holds .well-known')
    .option('--json', 'print { withdrawn, remaining, files }', false)
    .addHelpText('after', '\nExample:\n  $ hallpass issuer withdraw Zk5uNq8xTg2sVbWe… public')
    .action(async (kid, dir, options) => {
      const directory = resolve(context.settings.workingDirectory, dir);
      const { remainingKids, files } = await withdrawKey(kid, directory);
      await recordWithdrawal(kid, directory, context);
      context.stdout.write(
        options.json
          ? jsonText({ withdrawn: kid, remaining: remainingKids, files })
          : `Took ${kid} out of ${directory}; ${remainingKids.join(', ')} stay.\nUpload it now: until then, and until caches end, tokens of that key are accepted.\n`,
      );
    });

/** Only where there is an audit: this command must work on a machine that never had one. */
async function recordWithdrawal(kid: string, directory: string, context: CliContext): Promise<void> {
  if (!existsSync(join(context.settings.dataDirectory, 'audit'))) return;
  await using keys = await openKeys(context);
  await keys.audit.append({
    type: 'key_withdrawn',
    kid,
    directory,
    outcome: 'ok',
    actor: keys.actor,
    workload: null,
    lease: null,
    known_by: 'issuer',
  });
}

/** The issuer that the data directory is for; on loopback its keys come by themselves. */
async function issuerOf(keys: OpenKeys, context: CliContext, flag?: string): Promise<Issuer> {
  const { settings, now } = context;
  const stored = await keys.store.read();
  const named = stored === null || flag !== undefined ? await namedIssuer(context, flag) : null;
  if (stored !== null && named !== null) requireIssuer(stored, named, settings.dataDirectory);
  const issuer = stored?.ring.issuer ?? (named !== null && isLoopbackIssuer(named) ? named : null);
  if (issuer === null) throw keyMissing(settings.dataDirectory, named ?? undefined);
  return openIssuer({ ...settings, issuer, audit: keys.audit, now });
}

function parsed(text: string): unknown {
  return JSON.parse(text);
}
