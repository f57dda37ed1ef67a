import { userInfo } from 'node:os';
import type { Actor } from '../domain/lease.ts';
import type { Settings } from '../settings/settings.ts';

/** Who asks, as the operating system knows it: `$USER` is the caller's own word. */
export function currentActor(settings: Settings): Actor {
  try {
    return { name: userInfo().username, source: 'operating_system' };
  } catch {
    // A uid without an entry in the user database, as in many containers.
    return { name: `uid ${process.getuid?.() ?? settings.userName}`, source: 'operating_system' };
  }
}
