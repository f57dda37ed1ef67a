import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSandboxConfig } from '../../src/sandbox/config.ts';
import { openSandbox } from '../../src/sandbox/open.ts';
import type { AwsStory } from './aws-story.ts';
import { kubernetesPart } from './kubernetes-cluster.ts';

/** Gives a workspace, until the scope is left, the same cluster a day ahead of the tokens. */
export async function openLater(story: AwsStory): Promise<AsyncDisposable> {
  const sandbox = await openSandbox({
    config: await readSandboxConfig(JSON.stringify({ kubernetes: kubernetesPart(story.issuer) }), story.workDirectory),
    now: () => new Date(Date.now() + 24 * 60 * 60 * 1000),
    log: () => {},
  });
  const file = join(story.workDirectory, 'hallpass.yaml');
  const before = readFileSync(file, 'utf8');
  const settings = JSON.parse(before) as { variables: Record<string, string> };
  const use = async (text: string) => {
    writeFileSync(file, text);
    await story.hallpass(['allow', '--yes']);
  };
  await use(JSON.stringify({ ...settings, variables: { ...settings.variables, ...sandbox.environment } }));
  return {
    async [Symbol.asyncDispose]() {
      await use(before);
      await sandbox.close();
    },
  };
}
