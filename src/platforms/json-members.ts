import { nearest } from '../domain/nearest.ts';
import { TrustDocumentError } from '../domain/trust.ts';
import type { Member, ObjectNode, Place } from './json-document.ts';

/** The error for a value that its platform would refuse. */
export function refuse(at: Place, what: string, mend: string): TrustDocumentError {
  return new TrustDocumentError(at, what, mend);
}

/**
 * The members of an object by name. One that the platform does not know is refused: a condition that is misspelt would be
 * none.
 *
 * @param fault what is wrong and how to mend it, from the name and the nearest known one
 * @throws {TrustDocumentError} `trust_document_invalid`
 */
export function knownMembers(
  { members }: ObjectNode,
  known: readonly string[],
  fault: (name: string, close: string | undefined) => readonly [what: string, mend: string],
): ReadonlyMap<string, Member> {
  const stranger = members.find(({ name }) => !known.includes(name));
  if (stranger !== undefined) throw refuse(stranger.at, ...fault(stranger.name, nearest(stranger.name, known)));
  return new Map(members.map((member) => [member.name, member]));
}
