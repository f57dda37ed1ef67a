import type { Readable, Writable } from 'node:stream';
import type { Command } from '@commander-js/extra-typings';
import type { Settings } from '../settings/settings.ts';

/** The world as a command may touch it; handed down by `main.ts`, replaced in tests. */
export interface CliContext {
  readonly settings: Settings;
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
  readonly now: () => Date;
  readonly fetch: typeof fetch;
  /** Whether colour may be used: a terminal, and `NO_COLOR` is not set. */
  readonly color: boolean;
  /** Sets the exit code of the process; 0 until somebody does. */
  exit(code: number): void;
}

/** What every file of a command exports as `command`: builds the command with its options, help and action. */
export type CommandFactory = (context: CliContext) => Command<any, any, any>;
