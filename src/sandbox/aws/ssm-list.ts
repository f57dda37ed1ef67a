import type { JsonObject } from '../../domain/json.ts';
import type { Parameter } from './parameter-store.ts';
import { AwsRefusal } from './refusal.ts';
import { constraint, objectsIn, optionalText, textIn, textsIn, validation } from './ssm-input.ts';

type Test = (parameter: Parameter) => boolean;
const optionTests: Readonly<Record<string, (name: string, value: string) => boolean>> = {
  Equals: (name, value) => name === value,
  BeginsWith: (name, value) => name.startsWith(value),
  Contains: (name, value) => name.includes(value),
};

/** The filters of DescribeParameters: the newer list of them, and the older one. */
export function filterOf(parameters: JsonObject): Test {
  const newer = objectsIn(parameters['ParameterFilters']).map((filter) => {
    const key = textIn(filter, 'Key');
    return oneFilter(key, textIn(filter, 'Option', key === 'Path' ? 'OneLevel' : 'Equals'), textsIn(filter['Values']));
  });
  const older = objectsIn(parameters['Filters']).map((filter) =>
    oneFilter(textIn(filter, 'Key'), 'BeginsWith', textsIn(filter['Values'])),
  );
  return (parameter) => [...newer, ...older].every((test) => test(parameter));
}

function oneFilter(key: string, option: string, values: readonly string[]): Test {
  const compare = optionTests[option];
  const some = (text: string): boolean => compare !== undefined && values.some((value) => compare(text, value));
  if (key === 'Name' && compare) return ({ name }) => some(name) || some(name.replace(/^\//, ''));
  if (key === 'Type' && compare) return ({ type }) => values.includes(type);
  if (key.startsWith('tag:'))
    return ({ tags }) => {
      const value = tags.get(key.slice(4));
      return value !== undefined && (values.length === 0 || values.includes(value));
    };
  if (key === 'Path') return ({ name }) => values.some((path) => isBelow(name, path, option === 'Recursive'));
  throw new AwsRefusal(
    'InvalidFilterKey',
    400,
    `The stand-in has the filters Name, Type, Path and tag:KEY, not ${key} with ${option}.`,
  );
}

/** Whether a parameter lies under a path: on the next level, or on any. */
export function isBelow(name: string, path: string, recursive: boolean): boolean {
  const prefix = path.endsWith('/') ? path : `${path}/`;
  return name.startsWith(prefix) && (recursive || !name.slice(prefix.length).includes('/'));
}

/** In the order in which AWS lists. */
export function byName(parameters: Parameter[]): Parameter[] {
  return parameters.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** One page of a list. The token is the name of the last entry before it, so that it stays right when others vanish. */
export function page(
  parameters: JsonObject,
  all: Parameter[],
  member: string,
  most: number,
  show: (one: Parameter) => JsonObject,
): JsonObject {
  const size = parameters['MaxResults'] ?? most;
  if (typeof size !== 'number' || size < 1 || size > most)
    throw validation(
      constraint(JSON.stringify(size), 'maxResults', `Member must have value less than or equal to ${most}`),
    );
  const after = optionalText(parameters, 'NextToken', null);
  const last = after === null ? null : Buffer.from(after, 'base64url').toString();
  const rest = last === null ? all : all.filter(({ name }) => name > last);
  const shownNow = rest.slice(0, size);
  const more: JsonObject =
    rest.length > size ? { NextToken: Buffer.from(shownNow.at(-1)!.name).toString('base64url') } : {};
  return { [member]: shownNow.map(show), ...more };
}
