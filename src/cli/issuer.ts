import { Command } from '@commander-js/extra-typings';
import type { CommandFactory } from './context.ts';

export const command: CommandFactory = () => new Command('issuer');
