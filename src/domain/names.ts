import { AppError } from './errors.ts';
import { quoted } from './printable.ts';

/** What a name is the name of; decides which characters it may have. */
export type NameKind = 'organization' | 'project' | 'workspace' | 'stack' | 'deployment' | 'module';

const longest = 90;
const plain = /^[A-Za-z0-9_-]+$/;
const withInnerSpaces = /^[A-Za-z0-9_-]+(?: [A-Za-z0-9_-]+)*$/;

/** A name that cannot stand in a subject: it could imitate further parts of it, or match as a pattern. */
export class NameError extends AppError {
  constructor(kind: NameKind, name: string, reason: string) {
    super('name_invalid', {
      what: `the ${kind} name ${quoted(name)} ${reason}`,
      where: `${kind} name`,
      mend:
        kind === 'project'
          ? `use 1 to ${longest} ASCII letters, digits, "-", "_" and single inner spaces`
          : `use 1 to ${longest} ASCII letters, digits, "-" and "_"`,
    });
  }
}

/**
 * Checks a name where it enters and gives it back. Names are allow-listed, since `:`, `*`, `?`, quotes and control
 * characters have a meaning in subjects and in the trust languages of the platforms.
 *
 * @throws {NameError} `name_invalid`, saying which character is in the way
 * @see HCP Terraform docs, "Workload identity", structure of `sub`
 */
export function checkedName(kind: NameKind, name: string): string {
  if (name.length === 0) throw new NameError(kind, name, 'is empty');
  if (name.length > longest)
    throw new NameError(kind, name, `has ${name.length} characters; at most ${longest} are allowed`);
  if ((kind === 'project' ? withInnerSpaces : plain).test(name)) return name;
  const bad = [...name].find(
    (character) => !/[A-Za-z0-9_-]/.test(character) && !(kind === 'project' && character === ' '),
  );
  if (bad === undefined) throw new NameError(kind, name, 'has a space at its start or end, or two in a row');
  const codePoint = `U+${bad.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;
  throw new NameError(kind, name, `holds ${quoted(bad)} (${codePoint}), which cannot stand in a subject`);
}
