import type { CredentialRequest, CredentialSet, PlatformIo } from '../domain/credential.ts';
import { revealed } from '../domain/secret.ts';
import type { Phase } from '../domain/workload.ts';
import { exampleIo, exampleToken, type PlatformExamples } from './conformance-examples.ts';
import type { Platform } from './platform.ts';
import { fullName, switchOf, variableReader, type VariableSpec } from './variables.ts';

/** Values by the names of the table. */
export type Values = Readonly<Record<string, string>>;

/** One platform with its examples, and what the suite does with them again and again. */
export class Trial {
  readonly platform: Platform;
  readonly examples: PlatformExamples;
  /** All but the switch. */
  readonly specs: readonly VariableSpec[];

  constructor(platform: Platform, examples: PlatformExamples) {
    this.platform = platform;
    this.examples = examples;
    this.specs = platform.variables.filter((spec) => !spec.isSwitch);
  }

  /** Every example of a whole configuration. */
  configurations(): readonly Values[] {
    return [this.examples.values, ...(this.examples.alternatives ?? [])];
  }

  spec(name: string): VariableSpec {
    const spec = this.specs.find((one) => one.name === name);
    if (spec === undefined) throw new TypeError(`${this.platform.id} has no variable ${name}`);
    return spec;
  }

  /** The name under which a value stands in its `RUN` or plain form. */
  nameOf(name: string, where: { tag?: string | null; shared?: boolean } = {}): string {
    const spec = this.spec(name);
    return fullName(this.platform, spec, spec.perPhase ? 'RUN' : null, where);
  }

  switchName(tag: string | null = null): string {
    return fullName(this.platform, switchOf(this.platform), null, { tag });
  }

  /** Variables of one configuration, each value in its `RUN` or plain form, switched on. */
  variablesOf(values: Values, tag: string | null = null): Map<string, string> {
    const named = Object.entries(values).map(([name, value]) => [this.nameOf(name, { tag }), value] as const);
    return new Map([[this.switchName(tag), 'true'], ...named]);
  }

  /** Variables with a value of its own for each phase, where the platform has such. */
  phasedVariables(): Map<string, string> {
    const { values, otherValues } = this.examples;
    const variables = this.variablesOf(values);
    for (const [name, value] of Object.entries(values)) {
      const spec = this.spec(name);
      if (!spec.perPhase) continue;
      variables.delete(this.nameOf(name));
      variables.set(fullName(this.platform, spec, 'PLAN', {}), value);
      variables.set(fullName(this.platform, spec, 'APPLY', {}), otherValues[name]!);
    }
    return variables;
  }

  request(variables: Map<string, string>, tag: string | null = null, phase: Phase = 'plan'): CredentialRequest {
    return this.platform.request(variableReader(this.platform, variables, { tag, phase, workspace: 'payments-prod' }));
  }

  io(changes: Partial<PlatformIo> = {}): PlatformIo {
    const { answers } = this.examples;
    if (answers === undefined) return exampleIo(changes);
    return exampleIo({ fetch: async (input, init) => answers(new Request(input, init)), ...changes });
  }

  obtain(
    variables = this.variablesOf(this.examples.values),
    how: { tag?: string | null; phase?: Phase; io?: PlatformIo } = {},
  ): Promise<CredentialSet> {
    const { tag = null, phase = 'plan', io = this.io() } = how;
    return this.request(variables, tag, phase).obtain(exampleToken(), io);
  }

  /** All that a configuration comes to, as text: two that differ in nothing that can be seen have the same. */
  async outcome(variables: Map<string, string>, tag: string | null = null, phase: Phase = 'plan'): Promise<string> {
    const { audience, offered } = this.request(variables, tag, phase);
    return JSON.stringify({ audience, offered, ...plainSet(await this.obtain(variables, { tag, phase })) });
  }
}

/** A set with its secrets opened, for comparing. */
export function plainSet(set: CredentialSet) {
  return {
    environment: Object.entries(set.environment).map(([name, value]) => [name, revealed(value)] as const),
    files: set.files.map((file) => [file.name, revealed(file.contents)] as const),
    input: set.input,
  };
}
