import { quoted } from '../../domain/printable.ts';
import type { Check, CheckResult } from '../../domain/trust.ts';
import type { ConditionContext } from './condition-context.ts';
import { decideCondition } from './condition.ts';
import { codePoints, fits, fitsGlob } from '../../domain/glob.ts';
import type { Patterns, PolicyDocument, Statement } from './policy-document.ts';
import { expand, type PolicyVersion } from './policy-variable.ts';

/** What the statements of a set of policies say to one request for one action. */
export interface Decision {
  /** `pass`: allowed. `unknown`: it depends on something that is not known here. */
  readonly result: CheckResult;
  /** A Deny applied. */
  readonly denied: boolean;
  readonly check: Check;
}

/** A statement with all its checks but the one of the action. */
export interface JudgedStatement {
  readonly statement: Statement;
  readonly version: PolicyVersion;
  /** Principal or resource, then conditions. */
  readonly checks: readonly Check[];
}

/** Checks a statement's conditions after the given first checks. */
export function judgeStatement(
  document: PolicyDocument,
  statement: Statement,
  context: ConditionContext,
  first: readonly Check[],
): JudgedStatement {
  const conditions = statement.conditions.map((condition): Check => {
    const outcome = decideCondition(condition, context, document.version);
    return { step: statement.label, key: condition.key, operator: condition.operator.name, ...outcome };
  });
  return { statement, version: document.version, checks: [...first, ...conditions] };
}

/** Checks whether a statement speaks of an action; names are compared without regard to case. */
export function checkAction(statement: Statement, action: string): Check {
  const { negated, patterns } = statement.actions;
  const named = patterns.some((pattern) => fits(pattern.toLowerCase(), action.toLowerCase()));
  const operator = negated ? 'NotAction' : 'Action';
  return {
    step: statement.label,
    key: operator,
    operator,
    expected: patterns.join(' or '),
    actual: action,
    result: named !== negated ? 'pass' : 'fail',
    sentence: `${operator}: ${negated ? 'wanted anything but' : 'wanted'} ${listed(patterns)}, was ${quoted(action)}`,
  };
}

/** Checks whether a statement speaks of a resource. */
export function checkResource(
  statement: Statement,
  resources: Patterns,
  resource: string,
  context: ConditionContext,
  version: PolicyVersion,
): Check {
  const results = resources.patterns.map((pattern): CheckResult => {
    const glob = expand(pattern, context, version, true);
    if (glob === 'unknown') return 'unknown';
    return glob !== null && fitsGlob(glob, codePoints(resource)) ? 'pass' : 'fail';
  });
  const named = results.includes('pass') ? 'pass' : results.includes('unknown') ? 'unknown' : 'fail';
  const operator = resources.negated ? 'NotResource' : 'Resource';
  return {
    step: statement.label,
    key: operator,
    operator,
    expected: resources.patterns.join(' or '),
    actual: resource,
    result: resources.negated ? opposite(named) : named,
    sentence: `${operator}: ${resources.negated ? 'wanted anything but' : 'wanted'} ${listed(resources.patterns)}, was ${quoted(resource)}`,
  };
}

/** An applying Deny wins, then an applying Allow; without either it is denied. What is not known never allows. */
export function decideAction(judged: readonly JudgedStatement[], action: string): Decision {
  const applied = judged.map(({ statement, checks }) => ({
    statement,
    result: allOf([checkAction(statement, action), ...checks].map((check) => check.result)),
  }));
  const label = (effect: Statement['effect'], result: CheckResult): string | undefined =>
    applied.find((entry) => entry.statement.effect === effect && entry.result === result)?.statement.label;

  // The first row whose statement exists decides.
  const rows = [
    { label: label('Deny', 'pass'), result: 'fail', denied: true, says: 'denies' },
    { label: label('Deny', 'unknown'), result: 'unknown', denied: false, says: 'may deny, which is not certain here,' },
    { label: label('Allow', 'pass'), result: 'pass', denied: false, says: 'allows' },
    {
      label: label('Allow', 'unknown'),
      result: 'unknown',
      denied: false,
      says: 'may allow, which is not certain here,',
    },
    { label: 'no statement', result: 'fail', denied: false, says: 'allows' },
  ] as const;
  const row = rows.find((candidate) => candidate.label !== undefined)!;
  return {
    result: row.result,
    denied: row.denied,
    check: {
      step: 'decision',
      key: action,
      operator: 'statements',
      expected: 'an Allow that applies and no Deny that does',
      actual: row.label!,
      result: row.result,
      sentence: `${row.label!} ${row.says} ${action}`,
    },
  };
}

/**
 * Why a request was not allowed, as sentences: each decision that is not a pass, then what kept Allow statements from
 * applying, and what made Deny statements apply.
 */
export function reasonsAgainst(
  judged: readonly JudgedStatement[],
  decisions: readonly { readonly action: string; readonly decision: Decision }[],
): readonly string[] {
  const lost = decisions.filter(({ decision: { result } }) => result !== 'pass');
  const prefix = (label: string, sentence: string): string => (judged.length > 1 ? `${label}: ${sentence}` : sentence);
  const against = lost.flatMap(({ action, decision: { check } }) => [
    check.sentence,
    ...judged.flatMap(({ statement, checks }) => {
      const every = [checkAction(statement, action), ...checks];
      const isDeny = statement.effect === 'Deny';
      // A Deny that does not apply is no reason.
      if (isDeny && allOf(every.map((row) => row.result)) === 'fail') return [];
      return every
        .filter((row) => (isDeny ? row.result !== 'fail' : row.result !== 'pass'))
        .map((row) =>
          prefix(statement.label, row.result === 'unknown' ? `${row.sentence} (not certain)` : row.sentence),
        );
    }),
  ]);
  return [...new Set(against)];
}

/** Fail outweighs unknown, unknown outweighs pass. */
export function allOf(results: readonly CheckResult[]): CheckResult {
  return results.includes('fail') ? 'fail' : results.includes('unknown') ? 'unknown' : 'pass';
}

export function opposite(result: CheckResult): CheckResult {
  return result === 'unknown' ? result : result === 'pass' ? 'fail' : 'pass';
}

function listed(values: readonly string[]): string {
  return values.map(quoted).join(' or ');
}
