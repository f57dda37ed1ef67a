import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { worldParts } from '../../src/cli/demo/world.ts';
import { initPlatforms } from '../../src/cli/init/platforms.ts';
import { platformViews } from '../../src/identity/platform-views.ts';
import { platforms } from '../../src/platforms/registry.ts';
import { standIns } from '../../src/sandbox/registry.ts';

const repository = join(import.meta.dirname, '../..');
const example = parse(readFileSync(join(repository, 'examples/sandbox.yaml'), 'utf8')) as object;

describe.each(platforms)('$id', ({ id }) => {
  it.each<[string, readonly string[]]>([
    ['stand-in', Object.keys(standIns)],
    ['side that hallpass init writes', initPlatforms.map((platform) => platform.id)],
    ['view of issuer URLs', platformViews('https://id.example.com').map((view) => view.id)],
    ['part in the demo', ['aws', ...worldParts.map((part) => part.id)]],
    ['part in examples/sandbox.yaml', Object.keys(example)],
  ])('has a %s', (_, ids) => {
    expect(ids).toContain(id);
  });

  it.each([
    ...['index', 'configure', 'exchange', 'render', 'trust-policy', 'trust-answer', 'causes'].map(
      (name) => `src/platforms/${id}/${name}.ts`,
    ),
    `src/platforms/${id}/README.md`,
    `docs/guides/sandbox-${id}.md`,
  ])('has %s', (file) => {
    expect(existsSync(join(repository, file))).toBe(true);
  });
});
