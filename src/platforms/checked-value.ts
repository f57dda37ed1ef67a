import type { FoundValue, VariableReader } from './variables.ts';

/**
 * The audience of a configuration, `aud` of its tokens.
 *
 * @param longest characters that the platform takes
 * @throws {ConfigurationError} `configuration_invalid`, naming the variable
 */
export function checkedAudience(read: VariableReader, longest: number, mend: string): string {
  const audience = read.required('WORKLOAD_IDENTITY_AUDIENCE');
  if (audience.value.length <= longest && !/[\p{Cc}\s]/u.test(audience.value)) return audience.value;
  throw read.invalid(audience, `is not an audience: 1 to ${longest} characters, without blanks`, mend);
}

/** A value in quotes, for an error that refuses it; the beginning of a long one. */
export function shownValue({ value }: FoundValue): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}
