import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { demoSteps, everyStep } from '../support/demo.ts';
import { hallpass } from '../support/hallpass.ts';
import { requireTool } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A PATH with what bin/hallpass needs and nothing else: no Terraform. */
function bareMachine(): { readonly env: Readonly<Record<string, string>>; readonly temporary: string } {
  const directory = temporaryDirectory('bare');
  const programs = join(directory, 'bin');
  const temporary = join(directory, 'tmp');
  for (const made of [programs, temporary]) mkdirSync(made);
  for (const tool of ['sh', 'dirname', 'readlink', 'node']) symlinkSync(requireTool(tool), join(programs, tool));
  return { env: { PATH: programs, TMPDIR: temporary, HOME: directory }, temporary };
}

describe('hallpass demo without Terraform', () => {
  it('shows the exchange alone, says so, ends with 0 and leaves nothing behind', async () => {
    const { env, temporary } = bareMachine();
    const { stdout, stderr, code } = await hallpass(['demo'], { env });
    expect(stderr).toBe('');
    expect(stdout).toContain('neither terraform nor tofu is on PATH');
    expect(stdout).toContain('Every step was seen to work');
    expect(stdout).not.toContain('✗ ');
    expect(code).toBe(0);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('prints its steps as one array with --json, seven for each phase and two refusals', async () => {
    const { env } = bareMachine();
    const { stdout, code } = await hallpass(['demo', '--json'], { env });
    const steps = demoSteps(stdout);
    expect(steps.map(({ part, step }) => [part, step])).toEqual(everyStep);
    expect(steps.every(({ ok }) => ok)).toBe(true);
    expect(code).toBe(0);
    const neighbour = steps.find(({ title }) => title === 'neighbour')!;
    expect(neighbour.data['code']).toBe('AccessDenied');
    expect(JSON.stringify(neighbour.data['reasons'])).toContain('payments-prod2');
  });

  it('never shows a token', async () => {
    const { env } = bareMachine();
    const { stdout, stderr } = await hallpass(['demo', '--json'], { env });
    expect(stdout + stderr).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\.eyJ/);
  });

  it('does not end with 0 when it cannot start', async () => {
    const { env } = bareMachine();
    const { stderr, code } = await hallpass(['demo'], { env: { ...env, TMPDIR: '/nowhere/at/all' } });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: /);
  });
});
