import { basename } from 'node:path';
import { SettingsError } from '../domain/errors.ts';
import { checkedName } from '../domain/names.ts';
import { quoted } from '../domain/printable.ts';

/** What `${…}` in the workspace's name may stand for. */
export const placeholders = ['dir', 'terraform.workspace'] as const;

export type Placeholder = (typeof placeholders)[number];

/** Whether a name holds something to be filled in. */
export function isTemplate(written: string): boolean {
  return written.includes('${');
}

/** Whether a template uses a placeholder. */
export function uses(written: string, placeholder: Placeholder): boolean {
  return written.includes(`\${${placeholder}}`);
}

/**
 * Checks that a template holds known placeholders only, with a name around them, and gives it back.
 *
 * @throws {AppError} `settings_invalid`, `name_invalid`
 */
export function checkTemplate(written: string): string {
  checkedName('workspace', fillTemplate(written, { dir: 'x', 'terraform.workspace': 'x' }));
  return written;
}

/** Fills a template. The result is not checked; it is a name only after `checkedName`. */
export function fillTemplate(written: string, values: Readonly<Record<Placeholder, string>>): string {
  return written.replaceAll(/\$\{([^}]*)(\}?)/g, (_, inner: string, end: string) => {
    if (end === '}' && isPlaceholder(inner)) return values[inner];
    throw new SettingsError({
      what: `workspace holds ${quoted(`\${${inner}${end}`)}, which cannot be filled in`,
      mend: 'known are ${dir} and ${terraform.workspace}',
    });
  });
}

function isPlaceholder(text: string): text is Placeholder {
  return (placeholders as readonly string[]).includes(text);
}

/** The value of `${dir}`: the last part of the working directory's path. */
export function directoryName(workingDirectory: string): string {
  return basename(workingDirectory);
}
