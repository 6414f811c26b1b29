import { execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

export type ServiceName = 'postgres' | 'redis' | 'sshd';

/** The Debian package that brings each service. */
export const packageOf: Readonly<Record<ServiceName, string>> = {
  postgres: 'postgresql',
  redis: 'redis-server',
  sshd: 'openssh-server',
};

const MIN_POSTGRES_MAJOR = 15;
const USUAL_FOLDERS = ['/usr/local/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
const POSTGRES_FOLDERS = ['/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/opt/homebrew/opt/postgresql@*/bin'];

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...USUAL_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** The folder with a usable PostgreSQL server, the newest where there are several. */
export function findPostgres(): string | undefined {
  const onPath = findProgram('initdb');
  const folders = [...POSTGRES_FOLDERS.flatMap((pattern) => globSync(pattern)), ...(onPath ? [dirname(onPath)] : [])];
  const usable = folders
    .map((folder) => ({ folder, major: postgresMajor(folder) }))
    .filter(({ major }) => major >= MIN_POSTGRES_MAJOR)
    .sort((a, b) => b.major - a.major);
  return usable[0]?.folder;
}

function postgresMajor(folder: string): number {
  const server = join(folder, 'postgres');
  if (!existsSync(server) || !existsSync(join(folder, 'initdb'))) return 0;
  const version = execFileSync(server, ['--version'], { encoding: 'utf8' });
  return Number(/(\d+)/.exec(version)?.[1] ?? 0);
}

/** Whether this machine can run the service, or an address for it was given; TEST_WITHOUT=sshd denies it. */
export function hasService(name: ServiceName): boolean {
  if (process.env['TEST_WITHOUT']?.split(',').includes(name)) return false;
  switch (name) {
    case 'postgres':
      return Boolean(process.env['TEST_DATABASE_URL']) || findPostgres() !== undefined;
    case 'redis':
      return Boolean(process.env['TEST_REDIS_URL']) || findProgram('redis-server') !== undefined;
    case 'sshd':
      return findProgram('sshd') !== undefined && findProgram('ssh-keygen') !== undefined;
  }
}
