import { expect, it } from 'vitest';
import { Place } from '../support/place.ts';
import { describeWith, requireProgram } from '../support/programs.ts';

describeWith(['tofu'], 'exec with OpenTofu', () => {
  it('plans and applies as two phases of one run, and leaves nothing', async () => {
    const tofu = requireProgram('tofu');
    const place = new Place();
    await place.succeeds(['allow', '--yes']);
    await place.succeeds(['exec', '--', tofu, 'init', '-no-color']);
    const applied = await place.hallpass(['exec', '--', tofu, 'apply', '-auto-approve', '-no-color']);
    expect(applied).toMatchObject({ code: 0 });
    expect(applied.stdout).toContain('Apply complete! Resources: 2 added');
    expect(applied.stderr.match(/hallpass: (?:plan|apply) as/g)).toEqual(['hallpass: plan as', 'hallpass: apply as']);
    const saved = await place.hallpass([
      'exec',
      '--',
      tofu,
      'plan',
      '-out=saved.plan',
      '-var=name=second',
      '-no-color',
    ]);
    expect(saved.code).toBe(0);
    const later = await place.hallpass(['exec', '--', tofu, 'apply', '-no-color', 'saved.plan']);
    expect(later).toMatchObject({ code: 0 });
    const unchanged = await place.hallpass([
      'exec',
      '--',
      tofu,
      'plan',
      '-detailed-exitcode',
      '-var=name=second',
      '-no-color',
    ]);
    expect(unchanged.code).toBe(0);
    expect(place.leftovers()).toEqual([]);
  });
});
