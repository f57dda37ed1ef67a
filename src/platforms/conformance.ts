import { describe, expect, it } from 'vitest';
import type { CredentialRequest, CredentialSet, PlatformIo } from '../domain/credential.ts';
import { ConfigurationError } from '../domain/errors.ts';
import { Secret, revealed } from '../domain/secret.ts';
import type { IdentityToken } from '../domain/token.ts';
import { phases, type Phase } from '../domain/workload.ts';
import type { Platform } from './platform.ts';
import { configuredTags, fullName, namesTried, switchOf, variableReader } from './variables.ts';

/** What the suite cannot know by itself about a platform. */
export interface PlatformExamples {
  /** Enough for one configuration, by the names of the table (`ROLE_ARN`). */
  readonly values: Readonly<Record<string, string>>;
  /** The same names with other valid values. */
  readonly otherValues: Readonly<Record<string, string>>;
  /** Values that must be refused, by name. */
  readonly refused: Readonly<Record<string, readonly string[]>>;
  /** Members of the platform's entry in `tfc_<platform>_dynamic_credentials`. */
  readonly members: readonly string[];
}

/** Recognisable in whatever it leaks into. */
export const canary = 'eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJoYWxscGFzcyJ9.c2lnbmF0dXJlLWNhbmFyeQ';

/** A token as the issuer would give it, unsigned. */
export function exampleToken(compact: string = canary, audience = 'aws.workload.identity'): IdentityToken {
  const issuedAt = 1_795_247_030;
  return {
    compact: new Secret(compact),
    claims: {
      iss: 'https://id.example.com',
      aud: audience,
      sub: 'organization:acme:project:payments:workspace:payments-prod:run_phase:plan',
      jti: 'a',
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + 600,
    },
    kid: 'k',
    sha256: 'ab'.repeat(32),
    expiresAt: new Date((issuedAt + 600) * 1000),
  };
}

/** A world in which nobody answers, so that an unasked-for call fails. */
export function exampleIo(changes: Partial<PlatformIo> = {}): PlatformIo {
  return {
    fetch: async (address) => {
      throw new Error(`nobody asked for ${address instanceof Request ? address.url : address.toString()}`);
    },
    now: () => new Date(1_795_247_030_000),
    directory: '/run/hallpass/acme/payments/payments-prod/aws/0-default',
    sessionName: 'run-Zk5uNq8xTg2sVbWe-plan',
    environment: {},
    ...changes,
  };
}

/** What every platform promises. Run it for each one of the registry. */
export function describePlatform(platform: Platform, examples: PlatformExamples): void {
  const specs = platform.variables.filter((spec) => !spec.isSwitch);

  /** Variables of one configuration, each value in its `RUN` or plain form. */
  const variablesOf = (values: Readonly<Record<string, string>>, tag: string | null): Map<string, string> => {
    const named = Object.entries(values).map(([name, value]) => {
      const spec = specs.find((one) => one.name === name)!;
      return [fullName(platform, spec, spec.perPhase ? 'RUN' : null, { tag }), value] as const;
    });
    return new Map([[fullName(platform, switchOf(platform), null, { tag }), 'true'], ...named]);
  };
  const requestOf = (variables: Map<string, string>, tag: string | null, phase: Phase): CredentialRequest =>
    platform.request(variableReader(platform, variables, { tag, phase, workspace: 'payments-prod' }));
  const obtain = (phase: Phase, tag: string | null = null, io = exampleIo()): Promise<CredentialSet> =>
    requestOf(variablesOf(examples.values, tag), tag, phase).obtain(exampleToken(), io);

  describe(`platform ${platform.id}`, () => {
    it('makes a request that names platform, tag and audience', () => {
      for (const tag of [null, 'BLUE', 'blue_1']) {
        const request = requestOf(variablesOf(examples.values, tag), tag, 'plan');
        expect(request).toMatchObject({ platform: platform.id, tag, rereadsToken: platform.rereadsToken });
        expect(request.audience).not.toBe('');
      }
    });

    it.each(specs.filter((spec) => spec.required === 'always').map((spec) => [spec.name, spec] as const))(
      'refuses a missing %s, naming the variable and every name that was tried',
      (name, spec) => {
        for (const tag of [null, 'BLUE']) {
          for (const phase of phases) {
            const { [name]: _, ...rest } = examples.values;
            const ask = () => requestOf(variablesOf(rest, tag), tag, phase);
            expect(ask).toThrow(ConfigurationError);
            for (const tried of namesTried(platform, spec, tag, phase)) expect(ask).toThrow(tried);
          }
        }
      },
    );

    it.each(
      Object.entries(examples.refused).flatMap(([name, values]) =>
        [...values, ''].map((value) => [name, JSON.stringify(value.slice(0, 60)), value] as const),
      ),
    )('refuses %s = %s, naming the variable', (name, _, value) => {
      const ask = () => requestOf(variablesOf({ ...examples.values, [name]: value }, null), null, 'plan');
      const spec = specs.find((one) => one.name === name)!;
      expect(ask).toThrow(ConfigurationError);
      expect(ask).toThrow(fullName(platform, spec, spec.perPhase ? 'RUN' : null, {}));
    });

    it('is on only when its switch is exactly true, once for each tag with its case', () => {
      const base = fullName(platform, switchOf(platform), null, {});
      const tags = (variables: Record<string, string>) => configuredTags(platform, new Map(Object.entries(variables)));
      for (const value of ['', 'false', 'TRUE', 'True', '1', 'yes', ' true'])
        expect(tags({ [base]: value })).toEqual([]);
      expect(tags({ [base]: 'true', [`${base}_a`]: 'true', [`${base}_A`]: 'true', [`${base}_TYPE`]: 'true' })).toEqual([
        null,
        'A',
        'a',
      ]);
    });

    it('takes shared defaults for every configuration, and its own value before them', () => {
      const shared = new Map(
        Object.entries(examples.otherValues).map(([name, value]) => {
          const spec = specs.find((one) => one.name === name)!;
          return [fullName(platform, spec, spec.perPhase ? 'RUN' : null, { shared: true }), value];
        }),
      );
      const byDefault = requestOf(shared, 'BLUE', 'plan');
      const other = requestOf(variablesOf(examples.otherValues, null), null, 'plan');
      expect([byDefault.offered, byDefault.audience]).toEqual([other.offered, other.audience]);
      const own = requestOf(new Map([...shared, ...variablesOf(examples.values, 'BLUE')]), 'BLUE', 'plan');
      const plain = requestOf(variablesOf(examples.values, null), null, 'plan');
      expect(own.offered).toBe(plain.offered);
    });

    it.each(
      specs.filter((spec) => spec.perPhase && spec.name in examples.values).map((spec) => [spec.name, spec] as const),
    )('gives each phase its own %s', (name, spec) => {
      const variables = variablesOf(examples.values, null);
      variables.delete(fullName(platform, spec, 'RUN', {}));
      variables.set(fullName(platform, spec, 'PLAN', {}), examples.values[name]!);
      variables.set(fullName(platform, spec, 'APPLY', {}), examples.otherValues[name]!);
      const [plan, apply] = phases.map((phase) => requestOf(variables, null, phase));
      expect(plan!.offered).not.toBe(apply!.offered);
    });

    it('is pure: asks nobody, changes nothing, and says the same twice', async () => {
      const variables = variablesOf(examples.values, null);
      const before = [...variables];
      const [a, b] = [requestOf(variables, null, 'plan'), requestOf(variables, null, 'plan')];
      expect({ audience: a.audience, offered: a.offered }).toEqual({ audience: b.audience, offered: b.offered });
      expect([...variables]).toEqual(before);
    });

    it('names its files plainly, and leaves nothing behind the token', async () => {
      const set = await obtain('plan');
      for (const file of set.files) {
        expect(file.name).toMatch(/^[a-z0-9_]+(\.[a-z]+)?$/);
      }
      const withToken = set.files
        .map((file) => revealed(file.contents))
        .filter((contents) => contents.includes(canary));
      expect(withToken.every((contents) => contents === canary)).toBe(true);
    });

    it('gives every member of its input variable, and no other', async () => {
      const set = await obtain('plan');
      expect(Object.keys(set.input ?? {}).sort()).toEqual([...examples.members].sort());
    });

    it('points at the same paths in plan and apply, all in its own directory', async () => {
      const [plan, apply] = await Promise.all([obtain('plan'), obtain('apply')]);
      expect(apply.input).toEqual(plan.input);
      expect(apply.files.map((file) => file.name)).toEqual(plan.files.map((file) => file.name));
      const { directory } = exampleIo();
      const elsewhere = await obtain('plan', null, exampleIo({ directory: '/elsewhere' }));
      const names = new Set(plan.files.map((file) => file.name));
      for (const [member, value] of Object.entries(plan.input ?? {})) {
        if (typeof value !== 'string' || !value.startsWith('/')) continue;
        expect(names).toContain(value.slice(directory.length + 1));
        expect(elsewhere.input![member]).toBe(value.replace(directory, '/elsewhere'));
      }
    });

    it('shows no secret when it is printed', async () => {
      const set = await obtain('plan');
      expect(JSON.stringify(set)).not.toContain('c2lnbmF0dXJlLWNhbmFyeQ');
      const plain = Object.values(set.environment).filter((value) => typeof value === 'string');
      expect(plain.join()).not.toContain(canary);
      expect(JSON.stringify(set.input)).not.toContain(canary);
    });

    it.runIf(platform.rereadsToken)('renews into the same file, and nothing else', async () => {
      const set = await obtain('plan');
      const fresh = 'eyJ.fresh.token';
      const renewed = await set.renew!(async () => exampleToken(fresh));
      expect(renewed.files.map((file) => revealed(file.contents))).toEqual([fresh]);
      expect(set.files.map((file) => file.name)).toContain(renewed.files[0]!.name);
      expect(renewed.input).toEqual(set.input);
      expect(renewed.environment).toEqual(set.environment);
      expect('renew' in renewed).toBe(true);
    });

    it.runIf(platform.together !== undefined)('puts several configurations together without a secret', async () => {
      const tags = [null, 'BLUE', 'blue'];
      const sets = await Promise.all(
        tags.map((tag) => obtain('plan', tag, exampleIo({ directory: `/creds/${tag ?? '0-default'}` }))),
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
  });
}
