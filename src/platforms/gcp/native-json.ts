import { quoted } from '../../domain/printable.ts';
import { TrustDocumentError } from '../../domain/trust.ts';
import type { JsonNode, Member, ObjectNode, Place } from '../json-document.ts';
import { knownMembers } from '../json-members.ts';

const asPrinted = 'give it as gcloud prints it with --format=json';

/** The error for a value that Google would not have stored. */
export function refuse(at: Place, what: string, mend: string = asPrinted): TrustDocumentError {
  return new TrustDocumentError(at, what, mend);
}

/** The members of an object; names that are not known are refused, since a misspelt condition would be none. */
export function membersOf(node: JsonNode, title: string, known: readonly string[]): ReadonlyMap<string, Member> {
  return knownMembers(objectOf(node, title), known, (name, close) => [
    `${title} has no member ${quoted(name)}`,
    close === undefined ? `use ${known.join(', ')}` : `did you mean ${close}?`,
  ]);
}

/** @throws {TrustDocumentError} `trust_document_invalid` */
export function objectOf(node: JsonNode, title: string): ObjectNode {
  if (node.kind === 'object') return node;
  throw refuse(node, `${title} must be an object`);
}

/** The entries of a list; none when it is absent. */
export function itemsOf(member: Member | undefined): readonly JsonNode[] {
  if (member === undefined) return [];
  if (member.value.kind === 'list') return member.value.items;
  throw refuse(member.value, `${member.name} must be a list`);
}

/** @throws {TrustDocumentError} `trust_document_invalid` */
export function textOf(node: JsonNode, title: string): string {
  if (node.kind === 'text') return node.value;
  throw refuse(node, `${title} must be a text`);
}

/** The text of a member that Google always prints. */
export function requiredText(at: Place, member: Member | undefined, title: string, name: string): string {
  if (member === undefined) throw refuse(at, `${title} has no ${name}`);
  return textOf(member.value, name);
}
