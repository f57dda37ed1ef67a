import { describe, expect, it } from 'vitest';
import { Secret } from '../../domain/secret.ts';
import { readSettings } from '../../settings/settings.ts';
import type { WorkloadSettings } from '../../settings/workload.ts';
import { processRows, workloadRows } from './settings-rows.ts';

const noun = (name: string) => ({ id: `id-${name}`, name });

const source = (environment: Record<string, string>, name: string, flags = {}): unknown =>
  processRows(readSettings({ HOME: '/home/ada', ...environment }, flags)).find((row) => row.name === name);

describe('where a setting came from', () => {
  it('is the variable, the flag, or the default', () => {
    expect(source({}, 'dataDirectory')).toEqual({
      name: 'dataDirectory',
      value: '/home/ada/.local/share/hallpass',
      source: 'default',
    });
    expect(source({ HALLPASS_DATA_DIR: '/d' }, 'dataDirectory')).toMatchObject({
      value: '/d',
      source: 'HALLPASS_DATA_DIR',
    });
    expect(source({ HALLPASS_DATA_DIR: 'd' }, 'dataDirectory')).toMatchObject({ source: 'HALLPASS_DATA_DIR' });
    expect(source({}, 'dataDirectory', { dataDirectory: '/e' })).toMatchObject({ value: '/e', source: '--data-dir' });
    expect(source({ HALLPASS_DATA_DIR: '/d' }, 'dataDirectory', { dataDirectory: '/e' })).toMatchObject({
      source: '--data-dir',
    });
    expect(source({}, 'runDirectory')).toMatchObject({ value: null, source: 'default' });
  });
});

describe('the workload', () => {
  it('is shown with its switches, and never with the values that the command gets', () => {
    const workload: WorkloadSettings = {
      issuer: 'https://id.example.com',
      organization: noun('acme'),
      project: noun('payments'),
      workspace: noun('prod'),
      variables: new Map([['TFC_AWS_PROVIDER_AUTH', 'true']]),
      childVariables: new Map<string, Secret | string>([
        ['DB_PASSWORD', new Secret('hunter22')],
        ['PLAIN', 'hunter33'],
      ]),
      terraformVariables: new Map<string, Secret | string>([['token', 'hunter44']]),
      tokenLifetimeSeconds: 900,
      tokenEndpoint: false,
      files: [],
      sources: new Map([['issuer', '/w/hallpass.yaml:1:1']]),
      claimedByFile: null,
      warnings: [],
    };
    const rows = workloadRows(workload);
    expect(rows.map((row) => row.name)).toEqual([
      'issuer',
      'organization',
      'project',
      'workspace',
      'token_lifetime',
      'TFC_AWS_PROVIDER_AUTH',
      'DB_PASSWORD',
      'PLAIN',
      'TF_VAR_token',
    ]);
    expect(rows[0]).toMatchObject({ source: '/w/hallpass.yaml:1:1' });
    expect(JSON.stringify(rows)).not.toContain('hunter');
  });
});
