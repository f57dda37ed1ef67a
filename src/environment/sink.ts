import { constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { OutputStream } from './phase.ts';

/** Where output goes in the end. Its reader may be slow, or go away: neither concerns the command. */
export interface Sink {
  /** Waits until the bytes are taken; drops them once the reader has gone. */
  write(bytes: Buffer): Promise<void>;
  /** Drops what is waiting, and all that comes. */
  abandon(): void;
  close(): void;
}

/** Opens a sink over one of our own streams. */
export function openSink(stream: OutputStream): Sink {
  const own = reopenedPipe(stream);
  const target: Writable = own ?? stream;
  let isBroken = false;
  let giveUp: (() => void) | null = null;
  const abandon = (): void => {
    isBroken = true;
    giveUp?.();
  };
  target.on('error', abandon);
  target.on('close', abandon);
  return {
    write: async (bytes) => {
      if (isBroken || bytes.length === 0) return;
      await new Promise<void>((resolve) => {
        giveUp = resolve;
        target.write(bytes, () => resolve());
      });
      giveUp = null;
    },
    abandon,
    close: () => {
      target.off('close', abandon);
      if (own === null) target.off('error', abandon);
      else own.destroy();
    },
  };
}

/**
 * Node writes to a pipe on standard output synchronously, so that a reader that does not read would stop everything:
 * signals, renewal, the clock. Opened a second time, the pipe has a blocking mode of its own. Null where that cannot be.
 */
function reopenedPipe({ fd }: OutputStream): Socket | null {
  if (fd === undefined) return null;
  try {
    if (!fstatSync(fd).isFIFO()) return null;
    const again = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Socket({ fd: again, readable: false, writable: true });
  } catch {
    return null;
  }
}
