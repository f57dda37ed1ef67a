import { aws } from './aws/index.ts';
import { azure } from './azure/index.ts';
import { gcp } from './gcp/index.ts';
import { kubernetes } from './kubernetes/index.ts';
import type { Platform } from './platform.ts';
import { vault } from './vault/index.ts';

/** Every platform that is there, in the order in which they are shown. */
export const platforms: readonly Platform[] = [aws, azure, gcp, kubernetes, vault];
