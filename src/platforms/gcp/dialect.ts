import { CelError, compileCel, type CelFunction, type CelProgram } from './cel/index.ts';

/** An expression of a mapping or a condition; `program` is null where Google may take what is not modelled here. */
export interface GcpExpression {
  readonly text: string;
  readonly program: CelProgram | null;
  /** Why there is no program. */
  readonly notModelled: string | null;
}

/**
 * The text between the first `prefix` and the next `suffix` of a template `prefix{name}suffix`. No prefix: from the start;
 * no suffix: to the end; nothing found: the empty text.
 *
 * @throws {Error} when the template has not exactly one pair of braces
 * @see Google Cloud IAM, "Workload identity federation", attribute mappings
 */
export function extract(text: string, template: string): string {
  const [, prefix, suffix] = /^([^{}]*)\{[^{}]*\}([^{}]*)$/s.exec(template) ?? [];
  if (prefix === undefined || suffix === undefined) throw new Error('extract() wants a template with one {name}');
  const found = text.indexOf(prefix);
  if (found < 0) return '';
  const rest = text.slice(found + prefix.length);
  if (suffix === '') return rest;
  const end = rest.indexOf(suffix);
  return end < 0 ? '' : rest.slice(0, end);
}

const functions: readonly CelFunction[] = [
  {
    name: 'extract',
    receiver: 'string',
    arguments: ['string'],
    result: 'string',
    call: (text, template) => extract(text as string, template as string),
  },
  {
    name: 'split',
    receiver: 'string',
    arguments: ['string'],
    result: 'list',
    call: (text, separator) => (separator === '' ? [...(text as string)] : (text as string).split(separator as string)),
  },
  {
    name: 'join',
    receiver: 'list',
    arguments: ['string'],
    result: 'string',
    call: (texts, separator) => joined(texts as readonly unknown[], separator as string),
  },
];

function joined(texts: readonly unknown[], separator: string): string {
  if (!texts.every((text) => typeof text === 'string')) throw new Error('join() wants a list of texts');
  return texts.join(separator);
}

// Functions of CEL's extension libraries. Google names none of them, and does not say that they are missing.
const extensions =
  /^(?:charAt|format|indexOf|lastIndexOf|lowerAscii|quote|replace|reverse|substring|trim|upperAscii|bind|flatten|distinct|slice|sort|encode|decode)$/;

/**
 * Compiles an expression in Google's dialect.
 *
 * @throws {CelError} what Google would refuse when the provider is created
 */
export function compileGcp(text: string, variables: readonly string[]): GcpExpression {
  try {
    return { text, program: compileCel(text, { variables, functions }), notModelled: null };
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    const name = /^undeclared reference to '(\w+)'$/.exec(error.message)?.[1];
    if (!error.isUnsupported && !(name !== undefined && extensions.test(name))) throw error;
    return { text, program: null, notModelled: error.message };
  }
}
