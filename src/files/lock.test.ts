import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startModule } from '../../test/support/module-process.ts';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { withLock } from './lock.ts';

/** Takes the lock, says so, and keeps it until it is killed. */
const keeper = (path: string) => `
  import { withLock } from 'SRC/files/lock.ts';
  setInterval(() => {}, 1000);
  await withLock(${JSON.stringify(path)}, async () => { process.stdout.write('held'); await new Promise(() => {}); });`;

async function held(keeperProcess: ReturnType<typeof startModule>): Promise<void> {
  while (!keeperProcess.output.stdout.includes('held')) await sleep(5);
}

describe('withLock', () => {
  it('gives what the work gives, and throws what it throws', async () => {
    const path = join(temporaryDirectory(), 'lock');
    expect(await withLock(path, async () => 7)).toBe(7);
    await expect(withLock(path, () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    expect(await withLock(path, async () => 8)).toBe(8);
  });

  it('lets one caller of a process in at a time, in the order in which they came', async () => {
    const path = join(temporaryDirectory(), 'lock');
    const seen: string[] = [];
    await Promise.all(
      [1, 2, 3].map((number) =>
        withLock(path, async () => {
          seen.push(`in ${number}`);
          await sleep(2);
          seen.push(`out ${number}`);
        }),
      ),
    );
    expect(seen).toEqual(['in 1', 'out 1', 'in 2', 'out 2', 'in 3', 'out 3']);
  });

  it('lets eight processes with many acquisitions each all succeed, one at a time', async () => {
    const directory = temporaryDirectory();
    const counter = join(directory, 'counter');
    writeFileSync(counter, '0');
    // Read, wait, write: any two at once would lose a count.
    const source = `
      import { readFileSync, writeFileSync } from 'node:fs';
      import { setTimeout as sleep } from 'node:timers/promises';
      import { withLock } from 'SRC/files/lock.ts';
      for (let round = 0; round < 60; round += 1) {
        await withLock(${JSON.stringify(join(directory, 'lock'))}, async () => {
          const count = Number(readFileSync(${JSON.stringify(counter)}, 'utf8'));
          if (round % 10 === 0) await sleep(1);
          writeFileSync(${JSON.stringify(counter)}, String(count + 1));
        });
      }`;
    const processes = await Promise.all(Array.from({ length: 8 }, () => startModule(source).ended()));
    expect(processes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      processes.map(() => ({ code: 0, stderr: '' })),
    );
    expect(readFileSync(counter, 'utf8')).toBe('480');
  });

  it('is released by the kernel when its holder is killed', async () => {
    const path = join(temporaryDirectory(), 'lock');
    const holder = startModule(keeper(path));
    await held(holder);
    await expect(withLock(path, async () => 'in', { waitMilliseconds: 50 })).rejects.toMatchObject({
      code: 'lock_busy',
    });
    holder.child.kill('SIGKILL');
    expect(await withLock(path, async () => 'in', { waitMilliseconds: 5000 })).toBe('in');
    await holder.ended();
  });

  it('says which file another process holds, and how to see which process', async () => {
    const path = join(temporaryDirectory(), 'lock');
    const holder = startModule(keeper(path));
    await held(holder);
    await expect(withLock(path, async () => 'in', { waitMilliseconds: 0 })).rejects.toMatchObject({
      problem: {
        what: `another hallpass process has held ${path} for more than 0 s`,
        mend: expect.stringContaining('fuser'),
      },
    });
    holder.child.kill('SIGKILL');
    await holder.ended();
  });

  it('refuses to be taken twice by the same piece of work, and not by its neighbours', async () => {
    const directory = temporaryDirectory();
    const [one, two] = [join(directory, 'one'), join(directory, 'two')];
    await withLock(one, async () => {
      await expect(withLock(one, async () => 'in')).rejects.toThrow('taken twice');
      expect(await withLock(two, async () => 'in')).toBe('in');
    });
  });

  it('may be taken later by work that was started under it', async () => {
    const path = join(temporaryDirectory(), 'lock');
    let later: Promise<string> | undefined;
    await withLock(path, async () => {
      later = sleep(5).then(() => withLock(path, async () => 'in'));
    });
    expect(await later).toBe('in');
  });

  it('makes an empty private file, and nothing beside it', async () => {
    const directory = temporaryDirectory();
    await withLock(join(directory, 'lock'), async () => {
      expect(readdirSync(directory)).toEqual(['lock']);
    });
    const stats = statSync(join(directory, 'lock'));
    expect([stats.size, stats.mode & 0o777]).toEqual([0, 0o600]);
  });

  it.each([
    ['a directory', (path: string) => mkdirSync(path)],
    ['a symbolic link', (path: string) => symlinkSync('/dev/null', path)],
  ])('refuses %s in place of the lock file', async (_name, make) => {
    const path = join(temporaryDirectory(), 'lock');
    make(path);
    await expect(withLock(path, async () => 'in')).rejects.toMatchObject({ code: 'data_directory_insecure' });
  });

  it('refuses a file with contents of another program, and leaves it', async () => {
    const path = join(temporaryDirectory(), 'lock');
    writeFileSync(path, 'x'.repeat(5000));
    await expect(withLock(path, async () => 'in')).rejects.toMatchObject({ code: 'file_write_failed' });
    expect(readFileSync(path, 'utf8')).toBe('x'.repeat(5000));
  });

  it('says so when the directory is missing', async () => {
    const path = join(temporaryDirectory(), 'nowhere', 'lock');
    await expect(withLock(path, async () => 'in')).rejects.toMatchObject({
      code: 'file_write_failed',
      problem: { what: `cannot make ${path}: it does not exist` },
    });
  });
});
