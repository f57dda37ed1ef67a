import { markdownTable } from '../platforms/markdown-table.ts';
import { identityFields } from './identity-choice.ts';
import { reservedVariables } from './reserved-variables.ts';
import { settingsTable } from './settings.ts';
import { tokenEndpointField } from './token-endpoint.ts';
import { valueForms, workloadFileKeys } from './workload-file.ts';

const generated = '<!-- Made by `npm run docs` from the tables in src/settings. Edit those. -->';

/** The reference pages of `docs/reference`, by file name. Pure; a test holds the files against them. */
export function settingsReferencePages(): ReadonlyMap<string, string> {
  return new Map([
    ['settings.md', settingsPage()],
    ['hallpass-yaml.md', workloadFilePage()],
  ]);
}

/** The example of the page; a test reads it as Hallpass would. */
export const workloadFileExample = `issuer: https://id.example.com
organization: acme
project: payments
workspace: payments-\${dir}
variables:
  TFC_AWS_PROVIDER_AUTH: "true"
  TFC_AWS_PLAN_ROLE_ARN: arn:aws:iam::111122223333:role/payments-plan
  TFC_AWS_APPLY_ROLE_ARN: arn:aws:iam::111122223333:role/payments-apply
  DB_PASSWORD: { env: DB_PASSWORD }
  CLIENT_KEY: { file: ../secrets/client.pem }
  PIN: { value: "0451-8812", sensitive: true }
terraform_variables:
  region: eu-west-1
  zones: '["eu-west-1a", "eu-west-1b"]'
token_lifetime: 15m
`;

function settingsPage(): string {
  return page([
    '# Settings',
    'What Hallpass itself needs to know comes from variables and flags; what describes a workload comes from `hallpass.yaml`, then variables, then flags. `hallpass doctor` shows all that is in force, where each value came from, and no secret.',
    '## Of the process',
    'Never read from `hallpass.yaml`: a repository does not choose where your keys lie.',
    markdownTable(
      ['Variable', 'Flag', 'Meaning'],
      settingsTable.map(({ variable, flag, about }) => [
        code(variable),
        flag === null ? '' : code(`${flag} DIR`),
        about,
      ]),
    ),
    'The data directory and the directory of the key-encryption key must be yours alone (mode 0700), and the key-encryption key must lie outside the data directory. A relative `$XDG_…` is ignored, as its specification says.',
    '## Of the workload',
    'A flag beats the variable, the variable beats the file. An empty variable counts as not set.',
    markdownTable(
      ['Key in hallpass.yaml', 'Variable', 'Flag'],
      [...identityFields, tokenEndpointField].map(({ field, variable, flag }) => [
        `\`${field}\``,
        code(variable),
        code(flag),
      ]),
    ),
    '`TFC_…` variables may stand in `hallpass.yaml` and in the environment; the environment wins, name by name. [Their names](../platforms/README.md).',
    'A variable that begins with `TFC_` or `HALLPASS_` and that nobody knows is a warning with the nearest known name. In `hallpass.yaml` an unknown `TFC_` name is an error.',
  ]);
}

function workloadFilePage(): string {
  return page([
    '# hallpass.yaml',
    'Says who the runs in a directory are, and what they get. It belongs into the repository.',
    fenced('yaml', workloadFileExample),
    '## Where it is looked for',
    'In the working directory and upwards, to the root of the repository: the directory that holds `.git`. Without a repository the search ends at the home directory if that lies above, else at the root of the file system. Nearer files win key by key, and in `variables`, `terraform_variables` and `ids` name by name.',
    'A file counts only if it belongs to you or to root, and only the owner (or your own primary group) may write it. A link is followed if it belongs to you or root, and so does its target. A file has at most 1 MiB of UTF-8 text.',
    '## Keys',
    markdownTable(
      ['Key', 'Value', 'Meaning'],
      workloadFileKeys.map(({ key, value, about }) => [code(key), value, about]),
    ),
    'Unknown keys, doubled keys, anchors, aliases, merge keys and tags are refused with file, line and column.',
    '`${terraform.workspace}` is what Terraform itself would take: `TF_WORKSPACE`, else what `terraform workspace select` left in `.terraform` (or `TF_DATA_DIR`) of the working directory, else `default`.',
    'An id counts only while its name, and the names above it, come from the same file or from one further up. When a variable or flag names another workspace, the id of this one is left out with a warning, and never stands beside a name that it was not written for. For a workspace that is filled in, ids are always derived.',
    '## Values',
    'Of `variables` and `terraform_variables`:',
    markdownTable(
      ['Form', 'Meaning'],
      valueForms.map(({ form, about }) => [form, about]),
    ),
    'A missing variable or file is an error before anything starts. A file may have at most 1 MiB of UTF-8 text, and may be neither the key-encryption key nor lie in the data directory. Secrets are redacted from the output where Hallpass sees it.',
    '## Variables that it may not set',
    'The file speaks for the workload, not for your machine. `*` stands for any characters; upper and lower case are the same.',
    markdownTable(
      ['Variables', 'Why', 'Instead'],
      reservedVariables.map(({ names, reason, mend }) => [names.map(code).join(' '), reason, mend]),
    ),
    '## hallpass allow',
    'A repository does not choose its identity by itself. What the files say about issuer, names and ids counts once `hallpass allow` has recorded it in the data directory, and again after each change of it; so do references to your environment and your files, and the addresses to which Hallpass itself sends tokens (`TFC_VAULT_ADDR`, `AWS_ENDPOINT_URL`, `KUBE_HOST` and the like). Other changes need no new allowance. `hallpass allow` shows all of it, and what has changed since the last time.',
    'The allowance holds for the directory of the nearest file that says something about identity, and for the directories below it. With `${dir}` it holds for one working directory at a time. `${terraform.workspace}` is allowed as written: whoever may select a Terraform workspace in that directory chooses the name.',
    'Variables and flags are your own words. If they give issuer, organization, project and workspace, and no file refers to your environment or files or says where tokens are sent, nothing needs to be allowed: this is how pipelines run.',
  ]);
}

function page(parts: readonly string[]): string {
  const [title, ...rest] = parts;
  return `${[title, generated, ...rest].join('\n\n')}\n`;
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\`\`\``;
}

function code(text: string): string {
  return `\`${text}\``;
}
