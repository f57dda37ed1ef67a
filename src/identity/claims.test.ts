import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testWorkload, vectors } from '../../test/support/identity.ts';
import type { AppError } from '../domain/errors.ts';
import type { Claims } from '../domain/token.ts';
import type { Workload } from '../domain/workload.ts';
import { claimsFor, standardClaimNames, supportedClaimNames, type ClaimContext } from './claims.ts';
import { defaultLimits } from './limits.ts';
import { tokenKindOf } from './workloads/registry.ts';

const documented = (vectors('hcp-tokens.json') as { vectors: { name: string; workload: Workload; claims: Claims }[] })
  .vectors;

const context: ClaimContext = {
  issuer: 'https://tf.example.net',
  audience: 'aws.workload.identity',
  at: new Date(1_760_000_000_000),
  id: '5b0b8c1e-6a43-4c61-9f57-0d5f0a8f3e11',
  limits: defaultLimits,
};

describe('claimsFor', () => {
  it.each(documented)('makes the documented claims: $name', ({ workload, claims }) => {
    expect(claimsFor(workload, context)).toEqual(claims);
    expect(Object.keys(claimsFor(workload, context)).slice(0, 7)).toEqual(standardClaimNames);
  });

  it.each(documented)('carries every claim that its kind names, and no other: $name', ({ workload }) => {
    const made = Object.keys(claimsFor(workload, context));
    expect(made.toSorted()).toEqual([...standardClaimNames, ...tokenKindOf(workload).claimNames].toSorted());
    expect(supportedClaimNames).toEqual(expect.arrayContaining(made));
  });

  it('promises no claim twice, and none that no kind makes', () => {
    const made = new Set(documented.flatMap(({ claims }) => Object.keys(claims)));
    expect(supportedClaimNames.toSorted()).toEqual([...made].toSorted());
  });

  it('rounds times down to whole seconds', () => {
    const { iat, nbf, exp } = claimsFor(testWorkload(), { ...context, at: new Date(1_760_000_000_999) });
    expect([iat, nbf, exp]).toEqual([1_760_000_000, 1_759_999_995, 1_760_007_200]);
  });

  it.each([10, 900, 86_400])('takes a short lifetime of %d seconds', (lifetimeSeconds) => {
    const { iat, exp } = claimsFor(testWorkload(), { ...context, lifetimeSeconds });
    expect(exp - iat).toBe(lifetimeSeconds);
  });

  it.each([9, 0, -1, 86_401, 60.5, Number.NaN, Infinity])('refuses a lifetime of %d seconds', (lifetimeSeconds) => {
    expect(() => claimsFor(testWorkload(), { ...context, lifetimeSeconds })).toThrow(/lifetime/);
  });

  it('never lets a token live longer than 24 hours, whatever the limits say', () => {
    const limits = { planSeconds: 1e6, applySeconds: 1e9, moduleTestSeconds: 1e6 };
    for (const phase of ['plan', 'apply'] as const) {
      const { iat, exp } = claimsFor(testWorkload(phase), { ...context, limits });
      expect(exp - iat).toBe(86_400);
    }
  });

  it.each(['', 'a b', 'a\nb', 'ä', 'a'.repeat(256), 'a\u0000'])('refuses the audience %j', (audience) => {
    expect(() => claimsFor(testWorkload(), { ...context, audience })).toThrow(/audience/);
  });

  it.each([
    ['organization', 'acme:project:x'],
    ['organization', 'w*'],
    ['organization', 'a?'],
    ['organization', 'acme\n'],
    ['organization', 'аcme'],
    ['organization', ''],
    ['organization', 'x'.repeat(91)],
    ['organization', 'two words'],
    ['project', ' payments'],
    ['project', 'payments  prod'],
    ['project', 'a:b'],
    ['workspace', 'payments-prod:run_phase:apply'],
    ['workspace', '${dir}'],
    ['workspace', 'a"b'],
    ['workspace', 'a`b'],
    ['workspace', 'a/b'],
  ] as const)('refuses a forged %s name: %j', (noun, name) => {
    const forged = { ...testWorkload(), [noun]: { id: testWorkload()[noun].id, name } };
    expect(() => claimsFor(forged, context)).toThrow(expect.objectContaining({ code: 'name_invalid' }));
  });

  it.each([
    ['module_test', { kind: 'module_test', module: 'a:b', runId: 'trun-1' }],
    [
      'stack_deployment',
      {
        kind: 'stack_deployment',
        project: named('prj-1', 'p'),
        stack: named('st-1', 'a:b'),
        deployment: 'd',
        operation: 'plan',
        planId: 'stp-1',
      },
    ],
    [
      'stack_deployment',
      {
        kind: 'stack_deployment',
        project: named('prj-1', 'p'),
        stack: named('st-1', 's'),
        deployment: 'd:operation:apply',
        operation: 'plan',
        planId: 'stp-1',
      },
    ],
  ])('refuses a forged name in a %s', (_kind, rest) => {
    const workload = { organization: named('org-1', 'acme'), ...rest } as unknown as Workload;
    expect(() => claimsFor(workload, context)).toThrow(expect.objectContaining({ code: 'name_invalid' }));
  });

  it.each([
    ['organization', 'org-'],
    ['organization', 'acme'],
    ['project', 'ws-1111111111111111'],
    ['workspace', 'ws-1:run_phase:apply'],
    ['workspace', 'ws-\u0031\u0000'],
  ] as const)('refuses an id that is none: %s %j', (noun, id) => {
    const workload = { ...testWorkload(), [noun]: { id, name: 'x' } };
    expect(() => claimsFor(workload, context)).toThrow(expect.objectContaining({ code: 'claim_invalid' }));
  });

  it('refuses a phase that is none, and a run id of another kind', () => {
    expect(() => claimsFor({ ...testWorkload(), phase: 'apply:x' as 'apply' }, context)).toThrow(/not a phase/);
    expect(() => claimsFor({ ...testWorkload(), runId: 'trun-1' }, context)).toThrow(/is not an id/);
  });

  it('refuses a Stack subject of 128 characters and takes one of 127', () => {
    const rest = claimsFor(deploymentNamed('d'), context).sub.length - 1;
    expect(claimsFor(deploymentNamed('d'.repeat(127 - rest)), context).sub).toHaveLength(127);
    expect(() => claimsFor(deploymentNamed('d'.repeat(128 - rest)), context)).toThrow(
      expect.objectContaining({ code: 'claim_invalid' }),
    );
  });

  it('gives different workloads different subjects, and a subject of eight parts', () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
    const run = fc.record({
      organization: name,
      project: name,
      workspace: name,
      phase: fc.constantFrom('plan', 'apply'),
    });
    fc.assert(
      fc.property(run, run, (a, b) => {
        expect(subject(a).split(':')).toHaveLength(8);
        expect(subject(a) === subject(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('lets no text into a subject that holds a separator or a wildcard', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }), fc.stringMatching(/^[a-z*:?-]{1,8}$/)),
        (name) => {
          const made = subjectOrRefusal(name);
          fc.pre(made !== 'name_invalid');
          expect(made.split(':')).toHaveLength(8);
          expect(name).toMatch(/^[A-Za-z0-9_-]+$/);
        },
      ),
    );
  });
});

function deploymentNamed(deployment: string): Workload {
  return {
    kind: 'stack_deployment',
    organization: named('org-1', 'acme'),
    project: named('prj-1', 'p'),
    stack: named('st-1', 's'),
    deployment,
    operation: 'plan',
    planId: 'stp-1',
  };
}

function subject(names: { organization: string; project: string; workspace: string; phase: string }): string {
  const workload = {
    ...testWorkload(names.phase as 'plan'),
    organization: named('org-1', names.organization),
    project: named('prj-1', names.project),
    workspace: named('ws-1', names.workspace),
  };
  return claimsFor(workload, context).sub;
}

function subjectOrRefusal(workspace: string): string {
  try {
    return subject({ organization: 'acme', project: 'payments', workspace, phase: 'plan' });
  } catch (error) {
    return (error as AppError).code;
  }
}

function named(id: string, name: string) {
  return { id, name };
}
