import { assert as check, constantFrom, dictionary, option, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import { phases, type Phase } from '../domain/workload.ts';
import { awsVariables } from './aws/configure.ts';
import { laterPlatforms } from './known-variables.ts';
import { manualVariables } from './manual.ts';
import { platforms } from './registry.ts';
import {
  baseNames,
  configuredTags,
  namesTried,
  readVariableName,
  variableReader,
  type VariableSpec,
  type VariableTable,
} from './variables.ts';

const tables: readonly VariableTable[] = [...platforms, manualVariables, ...laterPlatforms];
const table = (id: string): VariableTable => tables.find((candidate) => candidate.id === id)!;
const roleArn = awsVariables.variables.find((spec) => spec.name === 'ROLE_ARN')!;

function reader(
  variables: Record<string, string>,
  tag: string | null = null,
  phase: Phase = 'plan',
  of = awsVariables,
) {
  return variableReader(of, new Map(Object.entries(variables)), { tag, phase, workspace: 'payments-prod' });
}

function refusal(read: () => unknown): ConfigurationError {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const tags = (id: string, variables: Record<string, string>) =>
  configuredTags(table(id), new Map(Object.entries(variables)));

describe('configuredTags', () => {
  it.each<[string, string, Record<string, string>, (string | null)[]]>([
    ['nothing', 'aws', {}, []],
    ['the plain switch', 'aws', { TFC_AWS_PROVIDER_AUTH: 'true' }, [null]],
    ['a tag alone', 'aws', { TFC_AWS_PROVIDER_AUTH_PROD: 'true' }, ['PROD']],
    [
      'default first, then tags in order, each with its case',
      'aws',
      {
        TFC_AWS_PROVIDER_AUTH_b: 'true',
        TFC_AWS_PROVIDER_AUTH_B: 'true',
        TFC_AWS_PROVIDER_AUTH_1_x: 'true',
        TFC_AWS_PROVIDER_AUTH: 'true',
      },
      [null, '1_x', 'B', 'b'],
    ],
    ['a switch that is false', 'aws', { TFC_AWS_PROVIDER_AUTH: 'false', TFC_AWS_PROVIDER_AUTH_A: '' }, []],
    ['true in capitals', 'aws', { TFC_AWS_PROVIDER_AUTH: 'TRUE', TFC_AWS_PROVIDER_AUTH_A: 'True' }, []],
    ['1 and yes and a blank behind', 'aws', { TFC_AWS_PROVIDER_AUTH: '1', TFC_AWS_PROVIDER_AUTH_A: 'true ' }, []],
    ['the reserved tag', 'aws', { TFC_AWS_PROVIDER_AUTH_TYPE: 'true' }, []],
    ['a tag that begins with the reserved one', 'aws', { TFC_AWS_PROVIDER_AUTH_TYPE_A: 'true' }, []],
    ['type in small letters is a tag', 'aws', { TFC_AWS_PROVIDER_AUTH_type: 'true' }, ['type']],
    ['TYPES is a tag', 'aws', { TFC_AWS_PROVIDER_AUTH_TYPES: 'true' }, ['TYPES']],
    ['no tag behind the underscore', 'aws', { TFC_AWS_PROVIDER_AUTH_: 'true' }, []],
    ['a hyphen', 'aws', { 'TFC_AWS_PROVIDER_AUTH_A-B': 'true' }, []],
    ['a letter outside ASCII', 'aws', { TFC_AWS_PROVIDER_AUTH_Ä: 'true' }, []],
    ['a shared default of the switch', 'aws', { TFC_DEFAULT_AWS_PROVIDER_AUTH: 'true' }, []],
    [
      'the auth type, which is no switch',
      'vault_backed_aws',
      { TFC_VAULT_BACKED_AWS_AUTH_TYPE: 'true', TFC_VAULT_BACKED_AWS_AUTH_TYPE_BLUE: 'true' },
      [],
    ],
    [
      'the same where there is no auth type',
      'vault_backed_azure',
      { TFC_VAULT_BACKED_AZURE_AUTH_TYPE: 'true', TFC_VAULT_BACKED_AZURE_AUTH_TYPE_BLUE: 'true' },
      [],
    ],
    [
      'vault beside vault-backed',
      'vault',
      { TFC_VAULT_PROVIDER_AUTH: 'true', TFC_VAULT_BACKED_AWS_AUTH: 'true' },
      [null],
    ],
  ])('%s', (_, id, variables, expected) => expect(tags(id, variables)).toEqual(expected));
});

const audience = (variables: Record<string, string>, tag: string | null) =>
  reader(variables, tag).required('WORKLOAD_IDENTITY_AUDIENCE').value;

/** The rule of the documentation, spelt out without any table. */
function naive(variables: ReadonlyMap<string, string>, tag: string | null, phase: Phase): string | undefined {
  const behind = tag === null ? '' : `_${tag}`;
  const form = phase === 'plan' ? 'PLAN' : 'APPLY';
  if (variables.has(`TFC_AWS_${form}_ROLE_ARN${behind}`)) return variables.get(`TFC_AWS_${form}_ROLE_ARN${behind}`);
  if (variables.has(`TFC_DEFAULT_AWS_${form}_ROLE_ARN`)) return variables.get(`TFC_DEFAULT_AWS_${form}_ROLE_ARN`);
  if (variables.has(`TFC_AWS_RUN_ROLE_ARN${behind}`)) return variables.get(`TFC_AWS_RUN_ROLE_ARN${behind}`);
  return variables.get('TFC_DEFAULT_AWS_RUN_ROLE_ARN');
}

describe('the order of resolution', () => {
  it.each<[string | null, Phase, string[]]>([
    [
      null,
      'plan',
      [
        'TFC_AWS_PLAN_ROLE_ARN',
        'TFC_DEFAULT_AWS_PLAN_ROLE_ARN',
        'TFC_AWS_RUN_ROLE_ARN',
        'TFC_DEFAULT_AWS_RUN_ROLE_ARN',
      ],
    ],
    [
      'blue',
      'apply',
      [
        'TFC_AWS_APPLY_ROLE_ARN_blue',
        'TFC_DEFAULT_AWS_APPLY_ROLE_ARN',
        'TFC_AWS_RUN_ROLE_ARN_blue',
        'TFC_DEFAULT_AWS_RUN_ROLE_ARN',
      ],
    ],
  ])('for tag %s in %s', (tag, phase, expected) => {
    expect(namesTried(awsVariables, roleArn, tag, phase)).toEqual(expected);
    // Each name wins over all that come after it.
    for (let from = 0; from < expected.length; from += 1) {
      const variables = Object.fromEntries(expected.slice(from).map((name) => [name, `value of ${name}`]));
      expect(reader(variables, tag, phase).required('ROLE_ARN')).toEqual({
        value: `value of ${expected[from]}`,
        variable: expected[from],
      });
    }
  });

  it('without phases is explicit, shared default, built-in default', () => {
    const own = { TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE: 'own' };
    const shared = { TFC_DEFAULT_AWS_WORKLOAD_IDENTITY_AUDIENCE: 'shared' };
    expect(audience({ ...own, ...shared }, null)).toBe('own');
    expect(audience({ ...own, ...shared }, 'A')).toBe('shared');
    expect(audience(own, 'A')).toBe('aws.workload.identity');
    expect(audience({ ...shared, TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE_A: 'a' }, 'A')).toBe('a');
    expect(audience({ TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE_a: 'a' }, 'A')).toBe('aws.workload.identity');
  });

  it('does not let a tag take the value of the default configuration, nor the other phase', () => {
    expect(() => reader({ TFC_AWS_RUN_ROLE_ARN: 'x' }, 'A').required('ROLE_ARN')).toThrow(ConfigurationError);
    expect(() => reader({ TFC_AWS_APPLY_ROLE_ARN: 'x' }).required('ROLE_ARN')).toThrow(ConfigurationError);
    expect(() => reader({ TFC_AWS_RUN_ROLE_ARN_A: 'x' }).required('ROLE_ARN')).toThrow(ConfigurationError);
    // What OTF reads; the documented name has RUN in it.
    expect(() => reader({ TFC_DEFAULT_AWS_ROLE_ARN: 'x' }).required('ROLE_ARN')).toThrow(ConfigurationError);
  });

  it('agrees with a naive resolver over any set of variables', () => {
    const tag = constantFrom('A', 'a', 'A_B', 'TYPE_', 'RUN', '1');
    const names = tag.chain((one) =>
      constantFrom(
        ...['PLAN', 'APPLY', 'RUN'].flatMap((form) => [
          `TFC_AWS_${form}_ROLE_ARN`,
          `TFC_AWS_${form}_ROLE_ARN_${one}`,
          `TFC_DEFAULT_AWS_${form}_ROLE_ARN`,
        ]),
      ),
    );
    check(
      property(
        dictionary(names, string({ minLength: 1, maxLength: 3 }), { maxKeys: 9, noNullPrototype: true }),
        option(tag),
        constantFrom(...phases),
        (variables, chosen, phase) => {
          const expected = naive(new Map(Object.entries(variables)), chosen, phase);
          expect(reader(variables, chosen, phase).optional('ROLE_ARN')?.value).toBe(expected);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('a missing value', () => {
  it('names the variable, every name that was tried in order, and the place', () => {
    const error = refusal(() => reader({}, 'PROD').required('ROLE_ARN'));
    expect(error.code).toBe('configuration_invalid');
    expect(error.problem.what).toBe(
      'TFC_AWS_RUN_ROLE_ARN_PROD is not set (tried in this order: TFC_AWS_PLAN_ROLE_ARN_PROD, TFC_DEFAULT_AWS_PLAN_ROLE_ARN, TFC_AWS_RUN_ROLE_ARN_PROD, TFC_DEFAULT_AWS_RUN_ROLE_ARN)',
    );
    expect(error.problem.where).toBe('workspace payments-prod, tag PROD, plan phase');
    expect(error.problem.mend).toContain('TFC_DEFAULT_AWS_RUN_ROLE_ARN');
  });

  it('names the default configuration as such', () => {
    const error = refusal(() => reader({}, null, 'apply').required('ROLE_ARN'));
    expect(error.problem.what).toMatch(/^TFC_AWS_RUN_ROLE_ARN is not set/);
    expect(error.problem.where).toBe('workspace payments-prod, default configuration, apply phase');
  });

  it('is not the same as an empty one, which is refused rather than passed over', () => {
    const error = refusal(() => reader({ TFC_AWS_PLAN_ROLE_ARN: '', TFC_AWS_RUN_ROLE_ARN: 'x' }).required('ROLE_ARN'));
    expect(error.problem.what).toBe('TFC_AWS_PLAN_ROLE_ARN is set, but empty');
    expect(error.problem.mend).toContain('TFC_AWS_RUN_ROLE_ARN');
  });
});

const meaning = (name: string) => {
  const read = readVariableName(name, tables);
  return (
    read && { id: read.table.id, spec: read.spec.name, form: read.form, shared: read.isSharedDefault, tag: read.tag }
  );
};

describe('readVariableName', () => {
  it('takes the longest base name', () => {
    expect(meaning('TFC_VAULT_BACKED_AWS_AUTH_TYPE_BLUE')).toEqual({
      id: 'vault_backed_aws',
      spec: 'AUTH_TYPE',
      form: null,
      shared: false,
      tag: 'BLUE',
    });
    expect(meaning('TFC_VAULT_BACKED_AWS_AUTH_BLUE')).toMatchObject({ spec: 'AUTH', tag: 'BLUE' });
    expect(meaning('TFC_VAULT_BACKED_AWS_AUTH_TYPE')).toMatchObject({ spec: 'AUTH_TYPE', tag: null });
    expect(meaning('TFC_DEFAULT_VAULT_BACKED_AWS_AUTH_TYPE')).toMatchObject({ spec: 'AUTH_TYPE', shared: true });
  });

  it.each([
    'TFC_AWS_ROLE_ARN',
    'TFC_DEFAULT_AWS_PROVIDER_AUTH',
    'TFC_DEFAULT_AWS_RUN_ROLE_ARN_BLUE',
    'TFC_AWS_RUN_ROLE_ARN_',
    'TFC_AWS_RUN_ROLE_ARN_a-b',
    'TFC_AWS_RUN_ROLE_ARN_TYPE',
    'TFC_AWS_PROVIDER_AUTH_TYPE',
    'TFC_VAULT_BACKED_AZURE_AUTH_TYPE',
    'TFC_VAULT_BACKED_AZURE_AUTH_TYPE_BLUE',
    'TFC_DEFAULT_WORKLOAD_IDENTITY_AUDIENCE',
    'TFC_WORKLOAD_IDENTITY_AUDIENCE_TYPE',
    'TFC_KUBERNETES_RUN_WORKLOAD_IDENTITY_AUDIENCE',
    'TFC_HVS_BACKED_AWS_RUN_SECRET_RESOURCE_NAME_BLUE',
    'TFC_DEFAULT_HVS_BACKED_AWS_RUN_SECRET_RESOURCE_NAME',
    'tfc_aws_provider_auth',
    'TFC_',
    '',
  ])('knows no meaning for %j', (name) => expect(meaning(name)).toBeUndefined());

  it('reads back every name that the tables give, with any tag', () => {
    const every = tables.flatMap((one) => baseNames(one).map((row) => ({ ...row, table: one })));
    const tag = string({ unit: constantFrom('a', 'Z', '0', '_'), minLength: 1, maxLength: 5 });
    check(
      property(record({ row: constantFrom(...every), tag: option(tag) }), ({ row, tag: chosen }) => {
        const takesTag = !row.isSharedDefault && !row.spec.plainOnly;
        const name = chosen !== null && takesTag ? `${row.base}_${chosen}` : row.base;
        expect(readVariableName(name, tables)).toMatchObject({
          table: { id: row.table.id },
          spec: { name: row.spec.name },
          tag: takesTag ? chosen : null,
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('finds no base name in two tables', () => {
    const names = tables.flatMap((one) => baseNames(one).map((row) => row.base));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the tables', () => {
  it.each(tables.map((one) => [one.id, one] as const))(
    '%s has one switch, and rows that say what they are',
    (_, one) => {
      expect(one.variables.filter((spec: VariableSpec) => spec.isSwitch)).toHaveLength(1);
      for (const spec of one.variables) {
        expect(spec.about).not.toBe('');
        expect(spec.since).toMatch(/^\d+\.\d+\.\d+$/);
        expect(spec.name).toMatch(/^[A-Z_]+$/);
      }
    },
  );
});
