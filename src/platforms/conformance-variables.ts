import { assert as check, asyncProperty, constantFrom } from 'fast-check';
import { expect, it } from 'vitest';
import { ConfigurationError } from '../domain/errors.ts';
import { phases } from '../domain/workload.ts';
import { anyText } from '../../test/support/any-text.ts';
import type { PlatformExamples } from './conformance-examples.ts';
import { Trial } from './conformance-trial.ts';
import { laterPlatforms } from './known-variables.ts';
import type { Platform } from './platform.ts';
import { platforms } from './registry.ts';
import { baseNames, configuredTags, fullName, hasSharedDefault, namesTried, switchOf } from './variables.ts';

const tags = [null, 'BLUE', 'blue_1', '7'] as const;

/** How a platform reads its variables: sections 3.1 and 3.2 of the reference. */
export function describeVariables(platform: Platform, examples: PlatformExamples): void {
  const trial = new Trial(platform, examples);
  const { specs } = trial;
  const { values, otherValues } = examples;

  it('makes a request that names platform, tag and audience', () => {
    for (const tag of tags) {
      const request = trial.request(trial.variablesOf(values, tag), tag);
      expect(request).toMatchObject({ platform: platform.id, tag, rereadsToken: platform.rereadsToken });
      expect(request.audience).toBe(values['WORKLOAD_IDENTITY_AUDIENCE'] ?? examples.audience);
    }
  });

  it('has an example for every variable', () => {
    const shown = [otherValues, ...trial.configurations()].flatMap((one) => Object.keys(one));
    expect(specs.map(({ name }) => name).filter((name) => !shown.includes(name))).toEqual([]);
    expect(Object.keys(values).filter((name) => !(name in otherValues))).toEqual([]);
  });

  it.each(specs.filter((spec) => spec.required === 'always').map((spec) => [spec.name, spec] as const))(
    'refuses a missing %s, naming the variable and every name that was tried',
    (name, spec) => {
      for (const tag of [null, 'BLUE']) {
        for (const phase of phases) {
          const { [name]: _, ...rest } = values;
          const ask = () => trial.request(trial.variablesOf(rest, tag), tag, phase);
          expect(ask).toThrow(ConfigurationError);
          for (const tried of namesTried(platform, spec, tag, phase)) expect(ask).toThrow(tried);
        }
      }
    },
  );

  it.each(
    Object.entries(examples.refused).flatMap(([name, refused]) =>
      [...refused, ''].map((value) => [name, JSON.stringify(value.slice(0, 60)), value] as const),
    ),
  )('refuses %s = %s, naming the variable', (name, _, value) => {
    const ask = () => trial.request(trial.variablesOf({ ...values, [name]: value }));
    expect(ask).toThrow(ConfigurationError);
    expect(ask).toThrow(trial.nameOf(name));
  });

  it('takes any text at all, or refuses it by the name of its variable', async () => {
    const names = [...new Set([values, otherValues].flatMap((one) => Object.keys(one)))];
    await check(
      asyncProperty(constantFrom(...names), anyText({ maxLength: 20 }), async (name, text) => {
        const variables = trial.variablesOf({ ...values, [name]: text });
        const problem = refusalOf(() => trial.request(variables));
        if (problem === null) await trial.obtain(variables);
        expect(problem ?? trial.nameOf(name)).toContain(trial.nameOf(name));
      }),
      { numRuns: 300 },
    );
  });

  it('is on only when its switch is exactly true, once for each tag with its case', () => {
    const base = trial.switchName();
    for (const value of ['', 'false', 'TRUE', 'True', '1', 'yes', ' true', 'true\n'])
      expect(tagsOf(platform, { [base]: value, [`${base}_A`]: value })).toEqual([]);
    expect(
      tagsOf(platform, { [base]: 'true', [`${base}_a`]: 'true', [`${base}_A`]: 'true', [`${base}_0_`]: 'true' }),
    ).toEqual([null, '0_', 'A', 'a']);
    for (const tag of ['TYPE', '', 'a-b', 'ä', 'a b', 'a:b'])
      expect(tagsOf(platform, { [`${base}_${tag}`]: 'true' })).toEqual([]);
  });

  it('has no shared default for its switch', () => {
    expect(hasSharedDefault(switchOf(platform))).toBe(false);
    const name = fullName(platform, switchOf(platform), null, { shared: true });
    expect(configuredTags(platform, new Map([[name, 'true']]))).toEqual([]);
  });

  it('takes no other name for its switch with a tag: the longest name counts', () => {
    const every = [...platforms, ...laterPlatforms].flatMap((table) => baseNames(table).map((row) => row.base));
    for (const base of every.filter((name) => name !== trial.switchName()))
      for (const name of [base, `${base}_BLUE`])
        expect(configuredTags(platform, new Map([[name, 'true']]))).toEqual([]);
  });

  it.each(
    trial.configurations().flatMap((whole, index) =>
      Object.keys(whole)
        .filter((name) => name in otherValues && otherValues[name] !== whole[name])
        .map((name) => [name, index, whole] as const),
    ),
  )('looks for %s under its names in order (example %i)', async (name, _, whole) => {
    const { [name]: value = '', ...rest } = whole;
    const other = otherValues[name]!;
    for (const tag of [null, 'BLUE']) {
      for (const phase of phases) {
        const outcome = (own: readonly (readonly [string, string])[]) =>
          trial.outcome(new Map([...trial.variablesOf(rest, tag), ...own]), tag, phase);
        const names = namesTried(platform, trial.spec(name), tag, phase);
        const plain = await outcome([[names[0]!, value]]);
        const isSeen = (await outcome([[names[0]!, other]])) !== plain;
        expect(isSeen).toBe(!(examples.unseen ?? []).includes(name));
        for (const index of names.keys()) {
          const later = names.slice(index + 1).map((one) => [one, other] as const);
          expect(await outcome([[names[index]!, value], ...later])).toBe(plain);
        }
      }
    }
  });

  it('takes shared defaults for every configuration, and its own value before them', async () => {
    const shared = new Map(
      Object.entries(otherValues).map(([name, value]) => [trial.nameOf(name, { shared: true }), value]),
    );
    const [ofShared, ofOther] = [
      await trial.outcome(shared, 'BLUE'),
      await trial.outcome(trial.variablesOf(otherValues)),
    ];
    expect(ofShared).toBe(ofOther);
    const own = Object.keys(otherValues).map(
      (name) => [trial.nameOf(name, { tag: 'BLUE' }), otherValues[name]!] as const,
    );
    const wrong = new Map([...shared].map(([name]) => [name, 'not looked at']));
    expect(await trial.outcome(new Map([...wrong, ...own]), 'BLUE')).toBe(ofOther);
  });

  it('reads no other tag, nor the default configuration, for a tag', () => {
    if (!specs.some((spec) => spec.required === 'always')) return;
    for (const [set, asked] of [
      [null, 'BLUE'],
      ['BLUE', null],
      ['BLUE', 'blue'],
      ['BLUE', 'BLUE_2'],
    ] as const) {
      expect(() => trial.request(trial.variablesOf(values, set), asked)).toThrow(ConfigurationError);
    }
  });

  it.each(specs.filter((spec) => spec.perPhase && spec.name in values).map((spec) => [spec.name, spec] as const))(
    'gives each phase its own %s, without a value for the run',
    (name, spec) => {
      const variables = trial.phasedVariables();
      const [plan, apply] = phases.map((phase) => trial.request(variables, null, phase));
      expect(plan!.offered).not.toBe(apply!.offered);
      if (spec.required !== 'always') return;
      variables.delete(fullName(platform, spec, 'APPLY', {}));
      expect(() => trial.request(variables, null, 'apply')).toThrow(fullName(platform, trial.spec(name), 'RUN', {}));
    },
  );

  it('is pure: asks nobody, changes nothing, and says the same twice', () => {
    const variables = trial.variablesOf(values);
    const before = [...variables];
    const [a, b] = [trial.request(variables), trial.request(variables)];
    expect({ audience: a.audience, offered: a.offered }).toEqual({ audience: b.audience, offered: b.offered });
    expect([...variables]).toEqual(before);
  });
}

function tagsOf(platform: Platform, variables: Readonly<Record<string, string>>): readonly (string | null)[] {
  return configuredTags(platform, new Map(Object.entries(variables)));
}

/** What is wrong with a setting, or null; any other error goes on. */
function refusalOf(ask: () => unknown): string | null {
  try {
    ask();
    return null;
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
}
