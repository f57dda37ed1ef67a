import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearPrivatePlans, openPrivatePlan } from './private-plan.ts';

let runDirectory: string;
beforeEach(() => {
  runDirectory = realpathSync(mkdtempSync(join(tmpdir(), 'hallpass-test-plan-')));
});
afterEach(() => rmSync(runDirectory, { recursive: true }));

describe('the plan between two phases', () => {
  it('lies in a directory of our own, and goes with its scope', async () => {
    {
      await using plan = await openPrivatePlan({ runDirectory });
      expect(statSync(dirname(plan.file)).mode & 0o777).toBe(0o700);
      writeFileSync(plan.file, 'values');
    }
    expect(readdirSync(runDirectory)).toEqual([]);
  });

  it('is not cleared while its Hallpass lives', async () => {
    await using plan = await openPrivatePlan({ runDirectory });
    writeFileSync(plan.file, 'values');
    await clearPrivatePlans({ runDirectory });
    expect(statSync(plan.file).size).toBe(6);
  });

  it('is cleared when its Hallpass has died', async () => {
    const dead = join(runDirectory, 'hallpass.plan-abc');
    mkdirSync(join(dead, '.hallpass'), { recursive: true, mode: 0o700 });
    writeFileSync(join(dead, 'plan'), 'values');
    const minutesAgo = new Date(Date.now() - 120_000);
    utimesSync(dead, minutesAgo, minutesAgo);
    await clearPrivatePlans({ runDirectory });
    expect(readdirSync(runDirectory)).toEqual([]);
  });

  it('that is just being made is left alone, and so is everything else', async () => {
    mkdirSync(join(runDirectory, 'hallpass.plan-new'));
    mkdirSync(join(runDirectory, 'other'));
    writeFileSync(join(runDirectory, 'hallpass.plan-file'), '');
    await clearPrivatePlans({ runDirectory });
    expect(readdirSync(runDirectory).sort()).toEqual(['hallpass.plan-file', 'hallpass.plan-new', 'other']);
  });

  it('needs no base to be there for clearing', async () => {
    await expect(clearPrivatePlans({ runDirectory: join(runDirectory, 'none') })).resolves.toBeUndefined();
  });
});
