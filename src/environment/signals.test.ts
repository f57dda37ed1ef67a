import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { PhaseInterrupted, watchSignals } from './phase-signals.ts';
import { forwarded, pressCounter, processSignals } from './signals.ts';

function counterAt(times: readonly number[]): ReturnType<typeof pressCounter> {
  const left = [...times];
  return pressCounter(() => left.shift()!);
}

describe('key presses', () => {
  it('count once when terminal and npm pass the same one on', () => {
    const press = counterAt([0, 3, 499]);
    expect([press('SIGINT'), press('SIGINT'), press('SIGINT')]).toEqual(['SIGINT', null, null]);
  });

  it('count again half a second later', () => {
    const press = counterAt([0, 500]);
    expect([press('SIGINT'), press('SIGINT')]).toEqual(['SIGINT', 'SIGINT']);
  });

  it('are measured from the last that counted, so that fast pressing gets through', () => {
    const press = counterAt([0, 300, 600]);
    expect([press('SIGINT'), press('SIGINT'), press('SIGINT')]).toEqual(['SIGINT', null, 'SIGINT']);
  });

  it('count once when a closing terminal sends two kinds of signals', () => {
    const press = counterAt([0, 10]);
    expect([press('SIGHUP'), press('SIGTERM')]).toEqual(['SIGHUP', null]);
  });
});

describe('forwarding', () => {
  it.each([
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGHUP', 'SIGTERM'],
  ] as const)('passes %s on as %s', (signal, passed) => {
    expect(forwarded(signal)).toBe(passed);
  });

  it('listens until it is told to stop', () => {
    const source = new EventEmitter();
    const heard: string[] = [];
    const stop = processSignals(source).listen((signal) => heard.push(signal));
    source.emit('SIGINT');
    source.emit('SIGHUP');
    stop();
    source.emit('SIGTERM');
    expect(heard).toEqual(['SIGINT', 'SIGHUP']);
    expect(source.eventNames()).toEqual([]);
  });
});

function watched() {
  const source = new EventEmitter();
  const heard: string[] = [];
  const signals = watchSignals(
    processSignals(source),
    () => undefined,
    () => heard.push('late'),
  );
  const program = { signal: (signal: string) => heard.push(signal) > 0 };
  return { source, heard, signals, program };
}

describe('signals of a phase', () => {
  it('end it before the command', () => {
    const { source, signals } = watched();
    source.emit('SIGTERM');
    expect(() => signals.starting()).toThrow(PhaseInterrupted);
    expect(signals.stopped.reason).toMatchObject({ exitCode: 143, signal: 'SIGTERM' });
  });

  it('are not lost while the command is being started', () => {
    const { source, heard, signals, program } = watched();
    signals.starting();
    source.emit('SIGINT');
    signals.forwardTo(program);
    expect(heard).toEqual(['SIGINT']);
    expect(signals.wasForwarded()).toBe(true);
  });

  it('stop the waiting for readers after the command', () => {
    const { source, heard, signals, program } = watched();
    signals.starting();
    signals.forwardTo(program)();
    source.emit('SIGINT');
    expect(heard).toEqual(['late']);
  });

  it('are not heard after the end', () => {
    const { source, signals } = watched();
    signals.close();
    expect(source.eventNames()).toEqual([]);
  });
});
