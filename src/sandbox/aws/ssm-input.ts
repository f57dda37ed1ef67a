import { isJsonObject, type Json, type JsonObject } from '../../domain/json.ts';
import { AwsRefusal } from './refusal.ts';

const mostNames = 50;

/** A parameter's name, given plainly or as an ARN, and the version that may follow it. */
export function splitSelector(name: string): [name: string, selector: string | null] {
  // A name may be given as an ARN too; its last part starts with the slash that belongs to the name.
  const plain = name.replace(/^arn:aws:ssm:[a-z0-9-]+:\d{12}:parameter(?=\/)/, '');
  const [base, selector] = plain.split(':', 2) as [string, string | undefined];
  return [base, selector ?? null];
}

/** The checked name of one parameter; a version after it is left out. */
export function nameIn(parameters: JsonObject, member: string): string {
  return checkedName(splitSelector(textIn(parameters, member))[0]);
}

/** @throws {AwsRefusal} when a parameter cannot have this name */
export function checkedName(name: string): string {
  if (/^[\w./-]{1,1011}$/.test(name)) return name;
  throw validation(
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_',
  );
}

/** A list of names that may not be empty. */
export function namesIn(parameters: JsonObject, member: string): readonly string[] {
  const names = textsIn(parameters[member]);
  if (names.length === 0 || names.length > mostNames)
    throw validation(
      constraint(
        '[]',
        member[0]!.toLowerCase() + member.slice(1),
        'Member must have length greater than or equal to 1',
      ),
    );
  return [...new Set(names)];
}

/** Tags as AWS sends them, a list of Key and Value. */
export function tagsIn(given: Json | undefined): ReadonlyMap<string, string> {
  return new Map(objectsIn(given).map((tag) => [textIn(tag, 'Key'), textIn(tag, 'Value', '')]));
}

/** @throws {AwsRefusal} `ValidationException` when the member is missing and has no fallback */
export function textIn(parameters: JsonObject, member: string, fallback?: string): string {
  const value = parameters[member] ?? fallback;
  if (typeof value === 'string') return value;
  throw validation(constraint(null, member[0]!.toLowerCase() + member.slice(1), 'Member must not be null'));
}

/** A text that may be missing. */
export function optionalText(parameters: JsonObject, member: string, fallback: string | null): string | null {
  const value = parameters[member];
  return typeof value === 'string' ? value : fallback;
}

/** The texts of a list; nothing when it is missing. */
export function textsIn(given: Json | undefined): readonly string[] {
  return Array.isArray(given) ? (given as readonly Json[]).filter((one) => typeof one === 'string') : [];
}

/** The objects of a list; nothing when it is missing. */
export function objectsIn(given: Json | undefined): readonly JsonObject[] {
  return Array.isArray(given) ? (given as readonly Json[]).filter(isJsonObject) : [];
}

/** How AWS words a value that breaks the API model. Never call it with a parameter's value. */
export function constraint(value: string | null, member: string, must: string): string {
  const shownValue = value === null ? 'Value null' : `Value '${value}'`;
  return `1 validation error detected: ${shownValue} at '${member}' failed to satisfy constraint: ${must}`;
}

/** A refusal of what the caller sent. */
export function validation(message: string): AwsRefusal {
  return new AwsRefusal('ValidationException', 400, message);
}
