import { parse } from '@bufbuild/cel';
import type { Expr } from '@bufbuild/cel-spec/cel/expr/syntax_pb.js';
import { CelFault } from './fault.ts';

/** An expression, macros expanded. `at` is where it stands: an offset in UTF-16 code units. */
export type Node = NodeKind & { readonly at: number };

type NodeKind =
  | { readonly kind: 'constant'; readonly type: ConstantType; readonly value: unknown }
  | { readonly kind: 'identifier'; readonly name: string }
  | {
      readonly kind: 'select';
      readonly operand: Node;
      readonly field: string;
      readonly use: 'value' | 'has' | 'optional';
    }
  | { readonly kind: 'call'; readonly name: string; readonly target: Node | null; readonly args: readonly Node[] }
  | { readonly kind: 'list'; readonly elements: readonly Node[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [key: Node, value: Node])[] }
  | ({
      readonly kind: 'fold';
      readonly variable: string;
      readonly range: Node;
      readonly accumulator: string;
    } & FoldParts)
  | {
      readonly kind: 'optionalMap';
      readonly target: Node;
      readonly variable: string;
      readonly body: Node;
      readonly isFlat: boolean;
    };

interface FoldParts {
  readonly initial: Node;
  readonly condition: Node;
  readonly step: Node;
  readonly result: Node;
}

export type ConstantType = 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'null';

// Names that nobody writes: the parser does not know `a.?b` and `a[?b]`, so it gets them in another form.
const optionalField = 'optional_field__';
const optionalIndex = 'optional_index__';

/**
 * Parses an expression as the API server's compiler does, with the optional syntax.
 *
 * @throws {CelFault}
 */
export function parseCel(text: string): Node {
  if (text.includes(optionalField) || text.includes(optionalIndex)) throw CelFault.unmodelled(0, 'a reserved name');
  const { rewritten, originalOffset } = withoutOptionalSyntax(text);
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(rewritten);
  } catch (error) {
    const { location } = error as { location?: { start: { offset: number } } };
    throw new CelFault(originalOffset(location?.start.offset ?? 0), 'Syntax error');
  }
  const positions = parsed.sourceInfo?.positions ?? {};
  return new Reader((id) => originalOffset(positions[String(id)] ?? 0)).read(parsed.expr);
}

const string = `[rRbB]{0,2}(?:"""[^]*?"""|'''[^]*?'''|"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*')`;
const tokens = new RegExp(`(?<space>\\s+|//[^\\n]*)|(?<text>${string})|(?<name>[A-Za-z_]\\w*)|[^]`, 'gy');

/** Rewrites `a.?b` and `a[?b]` into what the parser knows, and says where each place came from. */
function withoutOptionalSyntax(text: string): { rewritten: string; originalOffset: (offset: number) => number } {
  let rewritten = '';
  const moved: { from: number; by: number }[] = [];
  const brackets: boolean[] = [];
  let isBehindOperand = false;
  const found = [...text.matchAll(tokens)];
  for (const [index, match] of found.entries()) {
    const [token] = match;
    const next = (step = 1): string | undefined =>
      found.slice(index + 1).filter((one) => one.groups!['space'] === undefined)[step - 1]?.[0];
    let written = token;
    if (token === '[') {
      const isOptional = next() === '?';
      if (isOptional && !isBehindOperand) throw CelFault.unmodelled(match.index, 'an optional element of a list');
      brackets.push(isOptional);
      if (isOptional) written = `[${optionalIndex}(`;
    } else if (token.startsWith('//')) {
      // The parser wants a line feed behind it.
      written = ' '.repeat(token.length);
    } else if (token === 'existsOne') {
      throw CelFault.unmodelled(match.index, 'the macro existsOne');
    } else if (token === ']' && brackets.pop() === true) {
      written = ')]';
    } else if (token === '?' && /[.[]\s*$/.test(text.slice(0, match.index))) {
      // A field cannot be called: `a.?b()` is no expression.
      if (next(2) === '(' && /\.\s*$/.test(text.slice(0, match.index))) throw new CelFault(match.index, 'Syntax error');
      written = /\.\s*$/.test(text.slice(0, match.index)) ? optionalField : '';
    }
    rewritten += written;
    if (written.length !== token.length) {
      moved.push({ from: rewritten.length, by: rewritten.length - (match.index + token.length) });
    }
    if (match.groups!['space'] === undefined) {
      isBehindOperand =
        match.groups!['text'] !== undefined || match.groups!['name'] !== undefined || /[)\]}]/.test(token);
    }
  }
  const originalOffset = (offset: number): number =>
    Math.max(0, offset - (moved.findLast(({ from }) => from <= offset)?.by ?? 0));
  return { rewritten, originalOffset };
}

const twoVariableMacros = new Set(['all', 'exists', 'existsOne', 'exists_one']);

/** From the parser's tree to ours. */
class Reader {
  readonly #offset: (id: bigint) => number;

  constructor(offset: (id: bigint) => number) {
    this.#offset = offset;
  }

  read(expression: Expr): Node {
    const at = this.#offset(expression.id);
    const { exprKind } = expression;
    switch (exprKind.case) {
      case 'constExpr':
        return { at, ...constant(at, exprKind.value.constantKind) };
      case 'identExpr':
        return { at, kind: 'identifier', name: exprKind.value.name };
      case 'selectExpr':
        return { at, ...this.#select(at, exprKind.value) };
      case 'callExpr':
        return { at, ...this.#call(at, exprKind.value) };
      case 'listExpr':
        return { at, kind: 'list', elements: exprKind.value.elements.map((element) => this.read(element)) };
      case 'structExpr': {
        if (exprKind.value.messageName !== '') {
          throw new CelFault(at, `undeclared reference to '${exprKind.value.messageName}' (in container '')`);
        }
        const entries = exprKind.value.entries.map(
          ({ keyKind, value }) => [this.read(keyKind.value as Expr), this.read(value!)] as const,
        );
        return { at, kind: 'map', entries };
      }
      case 'comprehensionExpr': {
        const fold = exprKind.value;
        return {
          at,
          kind: 'fold',
          variable: fold.iterVar,
          accumulator: fold.accuVar,
          range: this.read(fold.iterRange!),
          initial: this.read(fold.accuInit!),
          condition: this.read(fold.loopCondition!),
          step: this.read(fold.loopStep!),
          result: this.read(fold.result!),
        };
      }
      default:
        throw CelFault.unmodelled(at, 'this kind of expression');
    }
  }

  #select(at: number, { operand, field, testOnly }: { operand?: Expr; field: string; testOnly: boolean }): NodeKind {
    const isOptional = field.startsWith(optionalField);
    if (isOptional && testOnly) throw new CelFault(at, 'invalid argument to has() macro');
    return {
      kind: 'select',
      operand: this.read(operand!),
      field: isOptional ? field.slice(optionalField.length) : field,
      use: testOnly ? 'has' : isOptional ? 'optional' : 'value',
    };
  }

  #call(at: number, call: { function: string; target?: Expr; args: readonly Expr[] }): NodeKind {
    const { function: name, target, args } = call;
    if (name === 'has' && target === undefined) throw new CelFault(at, 'invalid argument to has() macro');
    if (name === '_[_]' && args[1]?.exprKind.case === 'callExpr' && args[1].exprKind.value.function === optionalIndex) {
      const index = [args[0]!, ...args[1].exprKind.value.args].map((one) => this.read(one));
      return { kind: 'call', name: '_[?_]', target: null, args: index };
    }
    if (target !== undefined && (name.startsWith('transform') || (twoVariableMacros.has(name) && args.length === 3))) {
      throw CelFault.unmodelled(at, `the macro ${name} with two variables`);
    }
    if (target !== undefined && (name === 'optMap' || name === 'optFlatMap') && args.length === 2) {
      const [variable, body] = args as [Expr, Expr];
      if (variable.exprKind.case !== 'identExpr')
        throw new CelFault(at, `${name}() variable name must be a simple identifier`);
      const mapped = { target: this.read(target), variable: variable.exprKind.value.name, body: this.read(body) };
      return { kind: 'optionalMap', ...mapped, isFlat: name === 'optFlatMap' };
    }
    return {
      kind: 'call',
      name,
      target: target === undefined ? null : this.read(target),
      args: args.map((argument) => this.read(argument)),
    };
  }
}

const constantTypes: Readonly<Record<string, ConstantType>> = {
  boolValue: 'bool',
  int64Value: 'int',
  uint64Value: 'uint',
  doubleValue: 'double',
  stringValue: 'string',
  bytesValue: 'bytes',
  nullValue: 'null',
};

const greatest: Readonly<Record<string, bigint>> = { int: 2n ** 63n - 1n, uint: 2n ** 64n - 1n };

function constant(at: number, { case: name, value }: { case: string | undefined; value?: unknown }): NodeKind {
  const type = constantTypes[name ?? ''];
  if (type === undefined) throw CelFault.unmodelled(at, 'this kind of constant');
  if (typeof value === 'bigint' && (value > greatest[type]! || value < -(2n ** 63n))) {
    throw new CelFault(at, `Syntax error: invalid ${type} literal`);
  }
  return { kind: 'constant', type, value: type === 'null' ? null : value };
}

/** `a.b.c` of an expression that is nothing but names; null otherwise. */
export function qualifiedName(node: Node): string | null {
  if (node.kind === 'identifier') return node.name;
  if (node.kind !== 'select' || node.use !== 'value') return null;
  const before = qualifiedName(node.operand);
  return before === null ? null : `${before}.${node.field}`;
}
