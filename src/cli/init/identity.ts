import { createHash } from 'node:crypto';
import { derivedId } from '../../domain/ids.ts';
import { checkedName } from '../../domain/names.ts';
import type { Phase } from '../../domain/workload.ts';
import { checkedIssuerUrl } from '../../identity/issuer-url.ts';
import { defaultProject } from '../../settings/identity-choice.ts';
import type { CheckedAnswers, Question } from './question.ts';

/** Whose runs they are, and who signs for them: what every platform's side is written for. */
export interface Identity {
  readonly issuer: string;
  readonly organization: string;
  readonly project: string;
  readonly workspace: string;
  readonly workspaceId: string;
}

/** The questions about the identity, in the order in which they are asked. */
export const identityQuestions: readonly Question[] = [
  {
    key: 'issuer',
    flag: '--issuer',
    argument: '<url>',
    about: 'issuer URL, where you will host two small public files',
    asked: true,
    isOptional: false,
    placeholder: 'https://id.example.com',
    check: checkedIssuerUrl,
  },
  {
    key: 'organization',
    flag: '--organization',
    argument: '<name>',
    about: 'organization',
    asked: true,
    isOptional: false,
    placeholder: 'acme',
    check: (name) => checkedName('organization', name),
  },
  {
    key: 'project',
    flag: '--project',
    argument: '<name>',
    about: 'project',
    asked: true,
    isOptional: true,
    placeholder: defaultProject,
    check: (name) => checkedName('project', name),
  },
  {
    key: 'workspace',
    flag: '--workspace',
    argument: '<name>',
    about: 'workspace: one configuration with one state',
    asked: true,
    isOptional: false,
    placeholder: 'payments-prod',
    check: (name) => checkedName('workspace', name),
  },
];

/** The identity that checked answers make. */
export function identityOf(answers: CheckedAnswers): Identity {
  const organization = answers.get('organization')!;
  const project = answers.get('project') ?? defaultProject;
  const workspace = answers.get('workspace')!;
  return {
    issuer: answers.get('issuer')!,
    organization,
    project,
    workspace,
    workspaceId: derivedId('ws', [organization, project, workspace]),
  };
}

/** `organization:…:project:…:workspace:…`, as the claim `terraform_full_workspace` says it. */
export function fullWorkspace({ organization, project, workspace }: Identity): string {
  return `organization:${organization}:project:${project}:workspace:${workspace}`;
}

/** The subject of one phase's tokens, in full. */
export function subject(identity: Identity, phase: Phase): string {
  return `${fullWorkspace(identity)}:run_phase:${phase}`;
}

/** Ten hex digits that tell two workspaces apart whose names were cut or spelt alike. */
export function digestOf({ organization, project, workspace }: Identity): string {
  return createHash('sha256').update([organization, project, workspace].join('\n')).digest('hex').slice(0, 10);
}

/**
 * A name for something of this workspace, in lower-case letters, digits and hyphens, starting with a letter: the
 * workspace's name as far as there is room, a digest, the phase.
 *
 * @param longest characters in all; at least 24
 */
export function slug(identity: Identity, phase: Phase, longest: number): string {
  const end = `-${digestOf(identity).slice(0, 6)}-${phase}`;
  const plain = identity.workspace.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const begun = /^[a-z]/.test(plain) ? plain : `w${plain}`;
  return begun.slice(0, longest - end.length).replace(/-+$/, '') + end;
}
