import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../test/support/temporary-directory.ts';
import { startMasked } from './masked-process.ts';
import type { ProgramEnd } from './process.ts';

/** How a program ends under a bubblewrap that gets no further than this. */
async function endUnder(script: string): Promise<ProgramEnd> {
  const directory = temporaryDirectory('masked');
  const bubblewrap = join(directory, 'bwrap');
  writeFileSync(bubblewrap, `#!/bin/sh\n${script}\n`);
  chmodSync(bubblewrap, 0o755);
  const program = await startMasked({
    bubblewrap,
    maskArguments: [],
    path: '/usr/bin/true',
    args: [],
    variables: new Map(),
    workingDirectory: directory,
    stdin: Readable.from([]),
    output: { stdout: 1, stderr: 2 },
  });
  return program.ended;
}

describe('a masked program that never began', () => {
  it('could not be run when bubblewrap failed', async () => {
    expect(await endUnder('exit 1')).toMatchObject({
      exitCode: 126,
      problem: { what: '"/usr/bin/true" could not be run in bubblewrap' },
    });
  });

  it.each([
    ['exit 130', { exitCode: 130, signal: 'SIGINT' }],
    ['kill -TERM $$', { exitCode: 143, signal: 'SIGTERM' }],
  ])('was stopped when a signal came first: %s', async (script, end) => {
    expect(await endUnder(script)).toEqual(end);
  });
});
