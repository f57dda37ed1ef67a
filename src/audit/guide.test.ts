import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { threeMonths } from '../../test/support/audit-damage.ts';
import { tamper } from '../../test/support/audit.ts';
import { verifyAudit } from './verify.ts';

const guide = readFileSync(fileURLToPath(new URL('../../docs/guides/audit.md', import.meta.url)), 'utf8');
const program = /```js\n([\s\S]*?)```/.exec(guide)![1]!;
const check = (cwd: string) =>
  execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8', stdio: 'pipe' });

describe('the program in docs/guides/audit.md', () => {
  it('comes to the same head as Hallpass', async () => {
    const { data } = await threeMonths();
    expect(check(data).trim()).toBe((await verifyAudit(data))!.last.hash);
  });

  it('finds what was changed', async () => {
    const { data } = await threeMonths();
    tamper(join(data, 'audit/2026-05.jsonl'), (text) => text.replace('key-3', 'key-X'));
    expect(() => check(data)).toThrow('2026-05.jsonl: record 4');
  });
});
