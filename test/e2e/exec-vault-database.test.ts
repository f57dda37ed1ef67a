import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startBao } from '../support/bao.ts';
import { adminPassword, startPostgres } from '../support/postgres.ts';
import { describeWith } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { openVaultStory } from '../support/vault-story.ts';

describeWith(['bao', 'postgres'], 'a database behind a Vault token', () => {
  it('gives an account while the phase runs, and takes it back with the token', async () => {
    await using postgres = await startPostgres();
    await using bao = await startBao();
    const directory = temporaryDirectory('vault-database');
    await using story = await openVaultStory(directory, bao);
    await bao.set('POST', 'sys/mounts/database', { type: 'database' });
    await bao.set('POST', 'database/config/payments', {
      plugin_name: 'postgresql-database-plugin',
      allowed_roles: ['*'],
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/postgres?sslmode=disable`,
      username: 'root',
      password: adminPassword,
    });
    await bao.set('POST', 'database/roles/reader', {
      db_name: 'payments',
      creation_statements: [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`],
      default_ttl: '1h',
    });
    const accounts = (): Promise<string> => postgres.sql(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'`);

    const script = `
      answer=$(bao read -format=json database/creds/reader)
      user=$(printf %s "$answer" | sed -n 's/.*"username": "\\(.*\\)".*/\\1/p')
      PGPASSWORD=$(printf %s "$answer" | sed -n 's/.*"password": "\\(.*\\)".*/\\1/p') exec psql -h 127.0.0.1 -p "$0" -U "$user" -d postgres -Atc 'SELECT current_user'`;
    const { stdout, code, stderr } = await story.exec('plan', ['sh', '-c', script, String(postgres.port)]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^v-jwt-/);
    // The token is dead at once; its leases are ended one by one after the answer.
    for (let tries = 0; (await accounts()) !== '' && tries < 200; tries += 1) await sleep(100);
    expect(await accounts()).toBe('');
    rmSync(directory, { recursive: true, force: true });
  });
});
