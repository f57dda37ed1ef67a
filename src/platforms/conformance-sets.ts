import { expect, it } from 'vitest';
import type { CredentialSet } from '../domain/credential.ts';
import { revealed } from '../domain/secret.ts';
import { phases } from '../domain/workload.ts';
import { canary, exampleIo, exampleToken, type PlatformExamples } from './conformance-examples.ts';
import { Trial } from './conformance-trial.ts';
import type { Platform } from './platform.ts';

/** The signature of {@link canary}: whoever holds the token has shown this. */
const canarySignature = canary.split('.').at(-1)!;

/** What a platform hands to a run: sections 4.12, 5.2, 5.4 and 5.5 of the reference. */
export function describeSets(platform: Platform, examples: PlatformExamples): void {
  const trial = new Trial(platform, examples);

  it('gives the files, variables and members that the reference names, in every configuration', async () => {
    const set = await trial.obtain();
    expect(set.files.map((file) => file.name)).toEqual(examples.files);
    expect(Object.keys(set.environment)).toEqual(examples.environment);
    for (const whole of [...trial.configurations(), examples.otherValues]) {
      const { input } = await trial.obtain(trial.variablesOf(whole));
      // A member that is missing would not fit the type that users declare.
      expect(Object.keys(input ?? {}).sort()).toEqual([...examples.members].sort());
    }
  });

  it('names its files plainly, and leaves nothing behind the token', async () => {
    const set = await trial.obtain();
    for (const file of set.files) {
      expect(file.name).toMatch(/^[a-z0-9_]+(\.[a-z]+)?$/);
    }
    const tokens = set.files.filter((file) => file.name === 'token').map((file) => revealed(file.contents));
    expect(tokens.filter((token) => !/^[\x21-\x7e]+$/.test(token))).toEqual([]);
    const withToken = set.files.map((file) => revealed(file.contents)).filter((contents) => contents.includes(canary));
    expect(withToken.every((contents) => contents === canary)).toBe(true);
  });

  it('points at the same paths in plan and apply, all in its own directory', async () => {
    const variables = trial.phasedVariables();
    const [plan, apply] = await Promise.all(phases.map((phase) => trial.obtain(variables, { phase })));
    // A saved plan holds the members: at apply, those of the plan are used.
    expect(apply!.input).toEqual(plan!.input);
    expect(apply!.files.map((file) => file.name)).toEqual(plan!.files.map((file) => file.name));
    expect(Object.keys(apply!.environment)).toEqual(Object.keys(plan!.environment));
    const { directory } = exampleIo();
    const elsewhere = await trial.obtain(variables, { io: trial.io({ directory: '/elsewhere' }) });
    const names = new Set(plan!.files.map((file) => file.name));
    for (const [member, value] of Object.entries(plan!.input ?? {})) {
      if (typeof value !== 'string' || !value.startsWith('/')) continue;
      expect(names).toContain(value.slice(directory.length + 1));
      expect(elsewhere.input![member]).toBe(value.replace(directory, '/elsewhere'));
    }
  });

  it('puts nothing of one phase or run into its members', async () => {
    const ios = ['run-1111111111111111-plan', 'run-2222222222222222-apply'].map((sessionName) =>
      trial.io({ sessionName }),
    );
    const [one, other] = await Promise.all(ios.map((io) => trial.obtain(undefined, { io })));
    expect(other!.input).toEqual(one!.input);
  });

  it('shows no secret when it is printed', async () => {
    for (const whole of [...trial.configurations(), examples.otherValues]) {
      const set = await trial.obtain(trial.variablesOf(whole));
      expect(JSON.stringify(set)).not.toContain(canarySignature);
      for (const secret of secretsOf(set)) expect(JSON.stringify(set)).not.toContain(secret);
      const plain = Object.values(set.environment).filter((value) => typeof value === 'string');
      expect(plain.join()).not.toContain(canary);
    }
  });

  it('wraps every token that it hands out', async () => {
    const { files, environment } = await trial.obtain();
    const open = [...files.map(({ contents }) => contents), ...Object.values(environment)].filter(
      (value) => typeof value === 'string',
    );
    expect(open.join('\n')).not.toContain(canarySignature);
    expect(files.filter((file) => file.name === 'token' && typeof file.contents === 'string')).toEqual([]);
  });

  it('warns of each of its own variables that a user sets: beside a tag, it would count for every alias', () => {
    expect(examples.environment.filter((name) => !platform.conflicts.includes(name))).toEqual([]);
    expect(new Set(platform.conflicts).size).toBe(platform.conflicts.length);
  });

  it.runIf(platform.rereadsToken)('renews into the same file, and nothing else', async () => {
    const set = await trial.obtain();
    const fresh = 'eyJ.fresh.token';
    const renewed = await set.renew!(async () => exampleToken(fresh));
    expect(renewed.files.map((file) => revealed(file.contents))).toEqual([fresh]);
    expect(set.files.map((file) => file.name)).toContain(renewed.files[0]!.name);
    expect(renewed.input).toEqual(set.input);
    expect(renewed.environment).toEqual(set.environment);
    expect('renew' in renewed).toBe(true);
  });

  it('renews without moving anything', async () => {
    const set = await trial.obtain();
    if (set.renew === undefined) return;
    const renewed = await set.renew(async () => exampleToken('eyJ.fresh.token'));
    expect(renewed.input).toEqual(set.input);
    expect(Object.keys(renewed.environment)).toEqual(Object.keys(set.environment));
    const names = set.files.map((file) => file.name);
    expect(renewed.files.filter((file) => !names.includes(file.name))).toEqual([]);
  });

  it('can end what it can note, and end it again', async () => {
    const { revocation } = await trial.obtain();
    expect(revocation === undefined).toBe(platform.revoke === undefined);
    if (revocation === undefined) return;
    expect(revocation).not.toBeTypeOf('string');
    for (let times = 0; times < 2; times += 1) await platform.revoke!(revocation.reveal(), trial.io());
  });

  it('says nothing of a platform that cannot be reached', async () => {
    const request = trial.request(trial.variablesOf(examples.values));
    if (request.explain === undefined) return;
    expect(await request.explain(exampleToken(), exampleIo())).toBeNull();
  });

  it.runIf(platform.together !== undefined)('puts several configurations together without a secret', async () => {
    const tags = [null, 'BLUE', 'blue'];
    const sets = await Promise.all(
      tags.map((tag) =>
        trial.obtain(trial.variablesOf(examples.values, tag), {
          tag,
          io: trial.io({ directory: `/creds/${tag ?? '0-default'}` }),
        }),
      ),
    );
    const shared = platform.together!(
      tags.map((tag, index) => ({ tag, set: sets[index]! })),
      '/creds',
    );
    expect(JSON.stringify(shared)).not.toContain(canary);
    for (const value of Object.values(shared.environment)) {
      expect(shared.files.map((file) => `/creds/${file.name}`)).toContain(value);
    }
  });
}

/** The secrets of a set, opened: what was wrapped must not stand anywhere else in the clear. */
function secretsOf(set: CredentialSet): readonly string[] {
  const values = [...set.files.map(({ contents }) => contents), ...Object.values(set.environment)];
  return [...values, set.revocation ?? ''].flatMap((value) => (typeof value === 'string' ? [] : [value.reveal()]));
}
