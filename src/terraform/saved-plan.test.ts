import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findPlanRecord, recordPlan } from './plan-records.ts';
import { markSavedPlan, readSavedPlan } from './saved-plan.ts';
import { readZipComment, withZipComment } from './zip-comment.ts';

/** The smallest zip file: an empty one, and one with something before its directory. */
const emptyZip = Buffer.concat([Buffer.from('PK\u0005\u0006', 'latin1'), Buffer.alloc(18)]);
const plan = Buffer.concat([Buffer.from('PK\u0003\u0004 entries', 'latin1'), emptyZip]);
const mark = { runId: 'run-Zk5uNq8xTg2sVbWe', directory: '/dev/shm/hallpass-k2m9x4c7pq' };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hallpass-plan-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function planOf(contents: Uint8Array): Promise<string> {
  const path = join(directory, 'plan');
  await writeFile(path, contents);
  return path;
}

describe('the mark of a saved plan', () => {
  it('is read back, and does not change the hash', async () => {
    const path = await planOf(plan);
    const before = await readSavedPlan(path);
    const marked = await markSavedPlan(path, mark);
    expect(before?.mark).toBeNull();
    expect(await readSavedPlan(path)).toEqual({ mark, sha256: before?.sha256, isZip: true });
    expect(marked).toEqual(await readSavedPlan(path));
  });

  it('is replaced when a plan is marked again', async () => {
    const path = await planOf(plan);
    await markSavedPlan(path, mark);
    await markSavedPlan(path, { ...mark, runId: 'run-2' });
    expect((await readSavedPlan(path))?.mark?.runId).toBe('run-2');
  });

  it('keeps the mode of the file, and leaves nothing beside it', async () => {
    const path = await planOf(plan);
    await chmod(path, 0o640);
    await markSavedPlan(path, mark);
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readdir(directory)).toEqual(['plan']);
  });

  it('is not written into what is no zip file, such as an encrypted plan of OpenTofu', async () => {
    const path = await planOf(Buffer.from('{"encrypted_data":"PK"}'));
    expect(await markSavedPlan(path, mark)).toMatchObject({ mark: null, isZip: false });
    expect(await readFile(path, 'utf8')).toBe('{"encrypted_data":"PK"}');
    expect(await readSavedPlan(path)).toMatchObject({ mark: null, isZip: false });
  });

  it('is not written through a link', async () => {
    const path = await planOf(plan);
    await symlink(path, join(directory, 'link'));
    await expect(markSavedPlan(join(directory, 'link'), mark)).rejects.toMatchObject({ code: 'directory_invalid' });
  });

  it('is not looked for in a pipe, which nobody would ever write to, nor in a file without end', async () => {
    const [pipe, huge] = [join(directory, 'pipe'), await planOf(plan)];
    execFileSync('mkfifo', [pipe]);
    await expect(readSavedPlan(pipe)).rejects.toThrow('not a plain file');
    await expect(markSavedPlan(pipe, mark)).rejects.toThrow('not a plain file');
    await truncate(huge, 2 ** 30 + 1);
    await expect(readSavedPlan(huge)).rejects.toThrow('more than');
  });

  it('is null where there is no file, or a directory', async () => {
    expect(await readSavedPlan(join(directory, 'none'))).toBeNull();
    expect(await readSavedPlan(directory)).toBeNull();
    expect(await markSavedPlan(join(directory, 'none'), mark)).toBeNull();
  });

  it('of others is no mark', async () => {
    const path = await planOf(withZipComment(plan, Buffer.from('made by zip'))!);
    expect((await readSavedPlan(path))?.mark).toBeNull();
  });

  it.each([
    '{"hallpass_plan":1}',
    '{"hallpass_plan":2,"run_id":"run-1","directory":"/a"}',
    '{"hallpass_plan":1,"run_id":"ws-1","directory":"/a"}',
    '{"hallpass_plan":1,"run_id":"run-1\\n","directory":"/a"}',
    '{"hallpass_plan":1,"run_id":"run-1","directory":"/a/../b"}',
    '{"hallpass_plan":1,"run_id":"run-1","directory":"a"}',
    '{"hallpass_plan":1,"run_id":"run-1","directory":"/a b"}',
    '{"hallpass_plan":1,"run_id":"run-1","directory":""}',
    '{"hallpass_plan":1,"run_id":"run-1","directory":"/a","more":1}',
    '{"hallpass_plan":1,"run_id":"run-1","directory":"/a"',
    '["hallpass_plan"] "hallpass_plan"',
  ])('is refused when it is %s', async (text) => {
    const path = await planOf(withZipComment(plan, Buffer.from(text))!);
    await expect(readSavedPlan(path)).rejects.toMatchObject({ code: 'directory_invalid' });
  });
});

describe('the archive comment', () => {
  it('can be any bytes that do not look like an end record themselves', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (comment) => {
        fc.pre(!Buffer.from(comment).includes('PK\u0005\u0006', 0, 'latin1'));
        const read = readZipComment(withZipComment(plan, comment)!)!;
        expect(Buffer.from(read)).toEqual(Buffer.from(comment));
      }),
    );
    expect.hasAssertions();
  });

  it('is null for bytes that are no zip file', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        fc.pre(bytes[0] !== 0x50);
        expect(readZipComment(bytes)).toBeNull();
        expect(withZipComment(bytes, new Uint8Array())).toBeNull();
      }),
    );
    expect(readZipComment(plan.subarray(0, plan.length - 1))).toBeNull();
  });
});

describe('the note of a saved plan', () => {
  const sha256 = 'a'.repeat(64);

  it('is found by the hash', async () => {
    await recordPlan(directory, { sha256, mark, at: new Date() });
    expect(await findPlanRecord(directory, sha256)).toEqual(mark);
    expect(await findPlanRecord(directory, 'b'.repeat(64))).toBeNull();
    expect(await findPlanRecord(directory, '../plan')).toBeNull();
  });

  it('is private, and refused when others can read it', async () => {
    await recordPlan(directory, { sha256, mark, at: new Date() });
    const path = join(directory, 'plans', `${sha256}.json`);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await chmod(path, 0o644);
    await expect(findPlanRecord(directory, sha256)).rejects.toMatchObject({ code: 'data_directory_insecure' });
  });

  it('is as good as none when it is damaged', async () => {
    await recordPlan(directory, { sha256, mark, at: new Date() });
    await writeFile(join(directory, 'plans', `${sha256}.json`), '{"run_id":"run-1"');
    expect(await findPlanRecord(directory, sha256)).toBeNull();
  });

  it('is forgotten after 90 days', async () => {
    await recordPlan(directory, { sha256, mark, at: new Date() });
    await recordPlan(directory, { sha256: 'b'.repeat(64), mark, at: new Date(Date.now() + 91 * 86_400_000) });
    expect(await findPlanRecord(directory, sha256)).toBeNull();
  });
});
