import type { JsonObject } from '../../domain/json.ts';
import { badRequest } from './status.ts';

type Selector = (object: JsonObject) => boolean;

/**
 * Reads `labelSelector` (equality and presence) and `fieldSelector` (`metadata.name`, `metadata.namespace`) of a list.
 *
 * @throws {KubernetesRefusal} 400 for a selector that is not played: a list must never hold more than was asked for
 */
export function readSelectors(query: URLSearchParams): readonly Selector[] {
  return [
    ...requirements(query.get('labelSelector')).map(labelSelector),
    ...requirements(query.get('fieldSelector')).map(fieldSelector),
  ];
}

/** Whether an object is among those that are asked for. */
export function fits(object: JsonObject, selectors: readonly Selector[]): boolean {
  return selectors.every((selector) => selector(object));
}

function requirements(text: string | null): readonly string[] {
  return text === null || text === '' ? [] : text.split(',').map((part) => part.trim());
}

function labelSelector(text: string): Selector {
  const [, not, present, key, operator, value] =
    /^(?:(!?)([\w./-]+)|([\w./-]+)\s*(==|=|!=)\s*([\w.-]*))$/.exec(text) ?? refuse('label', text);
  if (key === undefined) return (object) => (labelOf(object, present!) === undefined) === (not === '!');
  return (object) => (labelOf(object, key) === value) === (operator !== '!=');
}

function labelOf(object: JsonObject, name: string): unknown {
  const labels = ((object['metadata'] as JsonObject)['labels'] ?? {}) as JsonObject;
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

function fieldSelector(text: string): Selector {
  const [, field, operator, value] =
    /^metadata\.(name|namespace)\s*(==|=|!=)\s*([a-z0-9.-]*)$/.exec(text) ?? refuse('field', text);
  return (object) => ((object['metadata'] as JsonObject)[field!] === value) === (operator !== '!=');
}

function refuse(kind: string, text: string): never {
  throw badRequest(
    `unable to parse requirement: the stand-in does not play the ${kind} selector ${JSON.stringify(text)}`,
  );
}
