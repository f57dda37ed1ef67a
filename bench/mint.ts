import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openAuditLog } from '../src/audit/log.ts';
import type { Lease } from '../src/domain/lease.ts';
import { openIssuer } from '../src/identity/issuer.ts';
import { program } from '../test/support/programs.ts';
import { measurePairs, summarize, type Benchmark } from './benchmark.ts';

const secondsEach = 3;
/** As many phases as ask at once: enough that signatures go on while a batch of records is on its way to the disk. */
const concurrency = 256;

const what = 'tokens minted and durably audited, one process';

/** Tokens a second, through the issuer that `exec` uses, beside the signatures a second that OpenSSL makes on all cores. */
export const mintAndAudit: Benchmark = {
  name: 'mint',
  async run(say) {
    const openssl = program('openssl');
    if (openssl.missing !== undefined) return [{ what, skipped: `openssl: ${openssl.missing}` }];
    const directory = mkdtempSync(join(tmpdir(), 'hallpass-bench-'));
    const audit = await openAuditLog({ dataDirectory: join(directory, 'data'), now });
    try {
      const issuer = await openIssuer({
        dataDirectory: join(directory, 'data'),
        keyEncryptionKeyFile: join(directory, 'kek'),
        issuer: 'http://127.0.0.1:1',
        audit,
        now,
      });
      const mint = () =>
        issuer.mint({
          lease,
          audience: 'aws.workload.identity',
          purpose: { platform: 'aws', tag: null, offered: 'arn:aws:iam::111122223333:role/bench' },
        });
      await ratePerSecond(mint, 0.5);
      const pairs = await measurePairs(
        3,
        () => ratePerSecond(mint, secondsEach).then(noted('tokens', say)),
        () => signaturesPerSecond(openssl.path).then(noted('signatures', say)),
      );
      const { ours, limit, ratio } = summarize(pairs);
      const limitName = `openssl speed -multi ${cpus().length} rsa2048`;
      return [{ what, ours, limit, limitName, unit: '/s', ratio, target: '>= 0.80', isMet: ratio >= 0.8 }];
    } finally {
      await audit.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
};

const now = () => new Date();

const named = (prefix: string, name: string) => ({ id: `${prefix}-1111111111111111`, name });

const lease: Lease = {
  id: 'lease-1111111111111111',
  actor: { name: 'bench', source: 'operating_system' },
  workload: {
    kind: 'workspace_run',
    organization: named('org', 'acme'),
    project: named('prj', 'payments'),
    workspace: named('ws', 'payments-prod'),
    runId: 'run-1111111111111111',
    phase: 'plan',
  },
};

function noted(unit: string, say: (line: string) => void): (rate: number) => number {
  return (rate) => {
    say(`${rate.toFixed(0)} ${unit}/s`);
    return rate;
  };
}

/** How often a piece of work is done in a second, with `concurrency` of it under way at any time. */
async function ratePerSecond(work: () => Promise<unknown>, seconds: number): Promise<number> {
  const began = performance.now();
  const end = began + seconds * 1000;
  let done = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < end) {
        await work();
        done += 1;
      }
    }),
  );
  return (done * 1000) / (performance.now() - began);
}

async function signaturesPerSecond(openssl: string): Promise<number> {
  const { stdout } = await promisify(execFile)(openssl, [
    'speed',
    '-seconds',
    String(secondsEach),
    '-multi',
    String(cpus().length),
    'rsa2048',
  ]);
  const match = /^rsa\s+2048 bits\s+\S+s\s+\S+s\s+(?:\S+s\s+\S+s\s+)?([\d.]+)/m.exec(stdout);
  if (!match) throw new Error(`openssl speed printed no figure:\n${stdout}`);
  return Number(match[1]);
}
