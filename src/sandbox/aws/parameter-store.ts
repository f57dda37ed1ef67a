/** One parameter as it stands. */
export interface Parameter {
  readonly name: string;
  readonly type: 'String' | 'StringList' | 'SecureString';
  readonly value: string;
  readonly version: number;
  readonly description: string | null;
  readonly allowedPattern: string | null;
  readonly dataType: string;
  readonly tier: string;
  readonly keyId: string | null;
  readonly modifiedAt: Date;
  /** ARN of the session that wrote it. */
  readonly modifiedBy: string;
  readonly tags: ReadonlyMap<string, string>;
}

/** Parameters by name, in memory only; SecureString too, which therefore needs no key. */
export type ParameterStore = Map<string, Parameter>;

/** Fills a store with the parameters that the configuration names. */
export function openParameterStore(
  initial: Readonly<Record<string, string>>,
  account: string,
  at: Date,
): ParameterStore {
  return new Map(
    Object.entries(initial).map(([name, value]) => [
      name,
      {
        name,
        type: 'String',
        value,
        version: 1,
        description: null,
        allowedPattern: null,
        dataType: 'text',
        tier: 'Standard',
        keyId: null,
        modifiedAt: at,
        modifiedBy: `arn:aws:iam::${account}:root`,
        tags: new Map(),
      },
    ]),
  );
}
