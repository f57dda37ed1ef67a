import { celEnv, CelScalar, isCelError, parse, plan } from '@bufbuild/cel';
import { CelFailure } from './fault.ts';

const match = plan(
  celEnv({ variables: { text: CelScalar.STRING, pattern: CelScalar.STRING } }),
  parse('text.matches(pattern)'),
);

/**
 * RE2, found anywhere in the text, in linear time.
 *
 * @throws {CelFailure} when RE2 has no such pattern
 */
export function isAMatch(text: string, pattern: string): boolean {
  const result = match({ text, pattern });
  if (isCelError(result)) throw new CelFailure(`error parsing regexp: ${result.message}`);
  return result === true;
}
