import { readJsonDocument, type JsonNode, type Member } from '../json-document.ts';
import { itemsOf, membersOf, refuse, requiredText, textOf } from './native-json.ts';

/** An IAM allow policy, as far as a decision looks at it. */
export interface GcpIamPolicy {
  readonly bindings: readonly GcpBinding[];
}

/** One role, and who has it. */
export interface GcpBinding {
  /** `roles/iam.workloadIdentityUser`. */
  readonly role: string;
  readonly members: readonly string[];
  /** The CEL text of its condition; null without one. */
  readonly condition: string | null;
}

/**
 * Reads an allow policy as `gcloud iam service-accounts get-iam-policy --format=json` prints it.
 *
 * @throws {TrustDocumentError} `trust_document_invalid`, with line and column
 * @see Google Cloud IAM API, Policy
 */
export function readGcpIamPolicy(text: string): GcpIamPolicy {
  return iamPolicyOf(readJsonDocument(text));
}

/** {@link readGcpIamPolicy} for a part of a larger document. */
export function iamPolicyOf(root: JsonNode): GcpIamPolicy {
  const members = membersOf(root, 'the IAM policy', ['bindings', 'etag', 'version', 'auditConfigs']);
  return { bindings: itemsOf(members.get('bindings')).map(bindingOf) };
}

function bindingOf(node: JsonNode): GcpBinding {
  const members = membersOf(node, 'a binding', ['role', 'members', 'condition']);
  const role = requiredText(node, members.get('role'), 'a binding', 'role');
  if (!/^(?:projects\/[^/]+\/|organizations\/[^/]+\/)?roles\/[\w.]+$/.test(role)) {
    throw refuse(members.get('role')!.value, `${JSON.stringify(role)} is not a role`, 'give it as roles/NAME');
  }
  const names = itemsOf(members.get('members')).map((item) => {
    const name = textOf(item, 'a member');
    if (name === 'allUsers' || name === 'allAuthenticatedUsers' || name.includes(':')) return name;
    throw refuse(item, `${JSON.stringify(name)} is not a member of a binding`, 'give it as KIND:WHO, or principal://…');
  });
  return { role, members: names, condition: conditionOf(members.get('condition')) };
}

function conditionOf(member: Member | undefined): string | null {
  if (member === undefined) return null;
  const members = membersOf(member.value, 'a condition', ['title', 'description', 'expression', 'location']);
  return requiredText(member.value, members.get('expression'), 'the condition', 'expression');
}
