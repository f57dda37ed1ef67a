import { chooseIsolation } from '../../environment/isolation.ts';
import type { CliContext } from '../context.ts';
import { finding, type Finding } from './finding.ts';

/** Whether `mask` can be had here. */
export async function checkIsolation({ settings }: CliContext): Promise<readonly Finding[]> {
  const { mask, problem } = await chooseIsolation({
    ...settings,
    passEnvironment: [],
    inheritHome: false,
    isolation: 'auto',
    redact: 'auto',
  });
  return mask !== null
    ? [
        finding(
          'isolation',
          'ok',
          'mask: a command cannot read keys, audit, other phases, or the environment of others',
        ),
      ]
    : [finding('isolation', 'note', problem?.what ?? 'none', problem?.mend ?? null)];
}
