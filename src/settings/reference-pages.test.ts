import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsReferencePages, workloadFileExample } from './reference-pages.ts';
import { readWorkloadFile } from './workload-file.ts';

const directory = join(import.meta.dirname, '../../docs/reference');

describe('docs/reference', () => {
  it.each([...settingsReferencePages()])('%s is what the tables say (else run npm run docs)', (name, text) => {
    expect(readdirSync(directory)).toContain(name);
    expect(readFileSync(join(directory, name), 'utf8')).toBe(text);
  });

  it('shows a hallpass.yaml that can be read', () => {
    const file = readWorkloadFile(workloadFileExample, '/r/hallpass.yaml');
    expect(file.names.workspace?.value).toBe('payments-${dir}');
    expect(file.variables.size).toBe(6);
  });
});
