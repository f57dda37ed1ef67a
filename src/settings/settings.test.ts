import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SettingsError } from '../domain/errors.ts';
import { readSettings } from './settings.ts';

describe('the settings of the process', () => {
  it('follow the XDG directories', () => {
    expect(readSettings({ HOME: '/h' })).toMatchObject({
      dataDirectory: '/h/.local/share/hallpass',
      keyEncryptionKeyFile: '/h/.config/hallpass/kek',
      runDirectory: null,
      providerMirror: null,
      homeDirectory: '/h',
    });
    expect(readSettings({ HOME: '/h', XDG_DATA_HOME: '/d', XDG_CONFIG_HOME: '/c' })).toMatchObject({
      dataDirectory: '/d/hallpass',
      keyEncryptionKeyFile: '/c/hallpass/kek',
    });
  });

  it('ignore a relative XDG directory, as its specification says', () => {
    expect(readSettings({ HOME: '/h', XDG_DATA_HOME: 'd' }).dataDirectory).toBe('/h/.local/share/hallpass');
  });

  it('take a flag before the variable, and the variable before the default', () => {
    const environment = { HOME: '/h', HALLPASS_DATA_DIR: '/v', HALLPASS_KEK_FILE: 'k', HALLPASS_RUN_DIR: '/r' };
    expect(readSettings(environment)).toMatchObject({
      dataDirectory: '/v',
      keyEncryptionKeyFile: resolve('k'),
      runDirectory: '/r',
    });
    expect(readSettings(environment, { dataDirectory: 'f' }).dataDirectory).toBe(join(process.cwd(), 'f'));
  });

  it('take an empty variable for none', () => {
    const empty = { HOME: '', HALLPASS_DATA_DIR: '', HALLPASS_RUN_DIR: '', HALLPASS_PROVIDER_MIRROR: '' };
    expect(readSettings(empty)).toMatchObject({ homeDirectory: homedir(), runDirectory: null, providerMirror: null });
  });

  it('refuse a path with a NUL, and are frozen', () => {
    expect(() => readSettings({ HOME: '/h' }, { dataDirectory: 'a\0b' })).toThrow(SettingsError);
    const settings = readSettings({ HOME: '/h', A: 'b' });
    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.parentEnvironment)).toBe(true);
  });
});
