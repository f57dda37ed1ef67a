import { laterPlatforms, otherNames } from './known-variables.ts';
import type { CauseRow, CauseTable } from './likely-causes.ts';
import { manualVariables } from './manual.ts';
import { markdownTable } from './markdown-table.ts';
import type { Platform } from './platform.ts';
import { platforms } from './registry.ts';
import { inputVariableName } from './requests.ts';
import {
  fullName,
  hasSharedDefault,
  namesTried,
  switchOf,
  type VariableSpec,
  type VariableTable,
} from './variables.ts';

const generated = '<!-- Made by `npm run docs` from the tables in src/platforms. Edit those. -->';

/**
 * The reference pages of `docs/platforms`, by file name. A test holds the files against them.
 *
 * @param setUp paragraphs on setting a platform up, by its id
 */
export async function referencePages(
  setUp: ReadonlyMap<string, readonly string[]>,
): Promise<ReadonlyMap<string, string>> {
  const pages = new Map([['README.md', overview()]]);
  for (const platform of platforms)
    pages.set(`${platform.id}.md`, platformPage(platform, setUp.get(platform.id) ?? [], await platform.causes()));
  return pages.set('manual.md', manualPage()).set('later.md', laterPage());
}

function overview(): string {
  const example = platforms[0]!;
  const perPhase = example.variables.find((spec) => spec.perPhase)!;
  const plain = example.variables.find((spec) => !spec.perPhase && !spec.isSwitch)!;
  const order = (spec: VariableSpec) =>
    namesTried(example, spec, 'PROD', 'plan').map((name, index) => `${index + 1}. \`${name}\``);
  return page([
    '# Platforms and their variables',
    'The names are those of HCP Terraform, so that a workspace moves without renaming. Write them under `variables` in `hallpass.yaml`, or set them in the environment.',
    '## What is there',
    markdownTable(
      ['Platform', 'Switch', 'Input variable for Terraform'],
      platforms.map((platform) => [
        `[${platform.title}](${platform.id}.md)`,
        `\`${fullName(platform, switchOf(platform), null, {})}\``,
        `\`${inputVariableName(platform.id)}\``,
      ]),
    ),
    'For anything else, Hallpass gives the run a token: [manual tokens](manual.md). Names of platforms that are not there yet are [known](later.md), and refused with a clear error.',
    '## Forms of a name',
    markdownTable(
      ['Form', 'Example', 'Meaning'],
      [
        ['plain', `\`${fullName(example, perPhase, 'RUN', {})}\``, 'the default configuration'],
        ['tagged', `\`${fullName(example, perPhase, 'RUN', { tag: 'PROD' })}\``, 'the configuration `PROD`'],
        [
          'shared default',
          `\`${fullName(example, perPhase, 'RUN', { shared: true })}\``,
          'every configuration that has no value of its own',
        ],
      ],
    ),
    [
      '- A configuration exists when its switch equals `true`, and nothing else (`TRUE` and `1` are off). The switch has no shared default.',
      '- A tag is one or more letters, digits and underscores. Its case counts. `TYPE` is reserved, and a tag of an `…_AUTH` switch does not begin with `TYPE_`: the longest known name is taken first, so `TFC_VAULT_BACKED_AWS_AUTH_TYPE_BLUE` is the auth type of `BLUE`.',
      '- A variable that is set but empty is an error: passing it over could hand a plan the role of the whole run.',
      '- A name that begins with `TFC_` and means nothing is an error in `hallpass.yaml`, and a warning in the environment.',
    ].join('\n'),
    '## Order',
    'A value is looked for in this order, here for the tag `PROD` in the plan phase:',
    order(perPhase).join('\n'),
    'A name without phases:',
    [...order(plain), `${order(plain).length + 1}. the built-in default`].join('\n'),
    'HCP Terraform does not document whether the shared default of a phase or the run value of a tag wins. Here the phase wins: a plan role meant for every configuration is not widened by the run role of one of them.',
    '## Names for other ends',
    'These are not mistaken for typing errors:',
    markdownTable(
      ['Name', 'Why'],
      otherNames.map(({ name, startsWith, reason }) => [`\`${name}${startsWith ? '…' : ''}\``, reason]),
    ),
  ]);
}

function platformPage(platform: Platform, setUp: readonly string[], { rows }: CauseTable): string {
  return page([
    `# ${platform.title}`,
    ...setUp,
    '## Variables',
    variablesTable(platform),
    tagNote(platform),
    `Terraform receives the configurations in the variable \`${inputVariableName(platform.id)}\`.`,
    '## What not to set beside it',
    'These win over what Hallpass sets, or contradict it. Hallpass warns of them by name.',
    platform.conflicts.map((name) => `- \`${name}\``).join('\n'),
    '## What can go wrong',
    `Why a token was refused, Hallpass says by itself after a command that failed; \`hallpass doctor --platform ${platform.id}\` says it before a run. The answers and what is most often behind them; Hallpass puts your own values for the words in capitals, of which \`ISS\`, \`AUD\` and \`SUB\` are claims of the token:`,
    ...rows.flatMap(causeParagraphs),
    `Files, environment, calls and limits: [src/platforms/${platform.id}/README.md](../../src/platforms/${platform.id}/README.md).`,
  ]);
}

/** Placeholders as one would write them by hand: `{iss}` → `ISS`. */
function filled(text: string): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase());
}

function causeParagraphs({ answer, causes }: CauseRow): string[] {
  return [`**\`${filled(answer)}\`**`, causes.map((cause, index) => `${index + 1}. ${filled(cause)}`).join('\n')];
}

function manualPage(): string {
  return page([
    '# Manual tokens',
    'A token for anything that takes OpenID Connect and has no platform of its own here.',
    markdownTable(
      ['Set', 'The run gets'],
      [
        ['`TFC_WORKLOAD_IDENTITY_AUDIENCE`', '`TFC_WORKLOAD_IDENTITY_TOKEN`'],
        ['`TFC_WORKLOAD_IDENTITY_AUDIENCE_TAG`', '`TFC_WORKLOAD_IDENTITY_TOKEN_TAG`'],
      ],
    ),
    [
      '- The audience is the switch, and there is no shared default. An empty audience asks for no token.',
      `- ${tagNote(manualVariables)}`,
      '- The token is also in a file `token` in the private directory of its configuration. It lives as long as the phase may take: a variable cannot be renewed.',
      '- A value of your own for `TFC_WORKLOAD_IDENTITY_TOKEN` is replaced.',
    ].join('\n'),
  ]);
}

function laterPage(): string {
  return page([
    '# Names of platforms that are not there yet',
    'They are known, so that a slip in one is found. A switch among them that is `true` stops the command with an error.',
    ...laterPlatforms.flatMap((platform) => [`## ${platform.title}`, variablesTable(platform)]),
  ]);
}

function variablesTable(platform: VariableTable): string {
  return markdownTable(
    ['Variable', 'Required', 'Default', 'Shared default', 'Meaning'],
    platform.variables.map((spec) => [
      spec.perPhase
        ? (['RUN', 'PLAN', 'APPLY'] as const).map((form) => `\`${fullName(platform, spec, form, {})}\``).join('<br>')
        : `\`${fullName(platform, spec, null, {})}\``,
      requirement(spec),
      spec.fallback === undefined
        ? '–'
        : spec.fallback.startsWith('<')
          ? spec.fallback.slice(1, -1)
          : `\`${spec.fallback}\``,
      hasSharedDefault(spec) ? 'yes' : 'no',
      spec.about,
    ]),
  );
}

function requirement(spec: VariableSpec): string {
  if (spec.required === undefined) return 'no';
  if (spec.required === 'conditional') return 'depends';
  return spec.perPhase ? '`RUN`, or both others' : 'yes';
}

function tagNote(platform: VariableTable): string {
  return `Every name also has a tagged form, such as \`${fullName(platform, switchOf(platform), null, { tag: 'PROD' })}\`: letters, digits and underscores, case counts, \`TYPE\` is reserved.`;
}

function page(parts: readonly string[]): string {
  return `${[generated, ...parts].join('\n\n')}\n`;
}
