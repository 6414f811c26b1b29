import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

// A checkout in small: our launcher, one program, one dependency that lies beside it and needs no network.
const PROGRAM = `
import { name } from 'tiny';
const args: string[] = process.argv.slice(2);
if (args[0] === 'exit') process.exit(Number(args[1]));
if (args[0] === 'serve') {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => { console.log(signal); process.exit(5); });
  }
  setInterval(() => {}, 1000);
}
console.log(JSON.stringify({ args, name, firstOnPath: process.env.PATH?.split(':')[0] }));
`;

describe('launcher', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-launcher-'));
    await cp(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
    await mkdir(join(folder, 'src'));
    await writeFile(join(folder, 'src/main.ts'), PROGRAM);
    await pack('tiny', '1.0.0');
    await writeJson('package.json', { name: 'small', type: 'module', dependencies: { tiny: 'file:tiny-1.0.0.tgz' } });
    await npm('install', '--package-lock-only');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('installs once, and prints on stdout only what the program prints', async () => {
    const first = await launch(['one', 'two words']);
    const second = await launch(['again']);
    expect(first.stderr).toContain('installing packages (npm ci)');
    expect(second.stderr).toBe('');
    expect([first, second].map(({ stdout }) => JSON.parse(stdout))).toMatchObject([
      { args: ['one', 'two words'], name: 'tiny 1.0.0' },
      { args: ['again'] },
    ]);
  });

  it('installs again when package-lock.json asks for another version', async () => {
    await launch([]);
    await pack('tiny', '2.0.0');
    await writeJson('package.json', { name: 'small', type: 'module', dependencies: { tiny: 'file:tiny-2.0.0.tgz' } });
    await npm('install', '--package-lock-only');
    const { stdout, stderr } = await launch([]);
    expect(stderr).toContain('installing packages (npm install)');
    expect(JSON.parse(stdout)).toMatchObject({ name: 'tiny 2.0.0' });
  });

  it('lets two first starts install one after the other', async () => {
    const both = await Promise.all([launch(['one']), launch(['two'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.filter(({ stderr }) => stderr.includes('installing'))).toHaveLength(1);
  });

  it('takes over an installation whose process is gone', async () => {
    const gone = execFile(process.execPath, ['--version']);
    await once(gone, 'exit');
    await mkdir(join(folder, '.install.lock'));
    await writeFile(join(folder, '.install.lock/pid'), String(gone.pid));
    expect(await launch([])).toMatchObject({ code: 0 });
  });

  it('ends with the exit code of the program', async () => {
    expect(await launch(['exit', '3'])).toMatchObject({ code: 3, stdout: '' });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('forwards %s and waits for the program', async (signal) => {
    await launch([]);
    const running = serve();
    await once(running.stdout, 'data');
    running.kill(signal);
    const [[said], [code]] = await Promise.all([once(running.stdout, 'data'), once(running, 'exit')]);
    expect({ said: String(said), code }).toEqual({ said: `${signal}\n`, code: 5 });
  });

  it('stops the program when npm is killed', async () => {
    await launch([]);
    const shell = spawn('/bin/sh', ['-c', `"${process.execPath}" bin/tributary.js serve; true`], {
      cwd: folder,
      env: { ...process.env, npm_lifecycle_event: 'start' },
    });
    await once(shell.stdout, 'data');
    shell.kill('SIGKILL');
    const [said] = await once(shell.stdout, 'data');
    expect(String(said)).toBe('SIGTERM\n');
  });

  it('runs the Node that npm brought when its own is too old, and puts it first on the path', async () => {
    await launch([]);
    const packaged = join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin/node');
    await mkdir(dirname(packaged), { recursive: true });
    await symlink(process.execPath, packaged);
    const { stdout, stderr } = await launch([], ['--import', await oldNode()]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ firstOnPath: dirname(packaged) });
  });

  it('says in one sentence what to do where there is no Node 24', async () => {
    await launch([]);
    const { code, stdout, stderr } = await launch([], ['--import', await oldNode()]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n').at(-1)).toMatch(
      /^tributary: Node 24 or newer is needed, this is 18\.0\.0, .*install it from https:\/\/nodejs\.org and start again\.$/,
    );
  });

  it('says what npm said when it cannot install', async () => {
    await writeJson('package.json', { name: 'small', type: 'module', dependencies: { missing: 'file:missing.tgz' } });
    const { code, stderr } = await launch([]);
    expect(code).toBe(2);
    expect(stderr).toContain('tributary: npm could not install the packages; check the network');
    expect(stderr).toMatch(/npm (error|ERR!) code/);
    expect(stderr.split('\n').length).toBeLessThan(15);
  });

  function serve() {
    return spawn(process.execPath, ['bin/tributary.js', 'serve'], { cwd: folder, env: cleanEnv() });
  }

  function launch(args: string[], nodeArgs: string[] = []): Promise<{ code: unknown; stdout: string; stderr: string }> {
    return run(process.execPath, [...nodeArgs, join(folder, 'bin/tributary.js'), ...args]);
  }

  async function npm(...args: string[]): Promise<void> {
    const { code, stderr } = await run('npm', [...args, '--ignore-scripts', '--offline', '--no-audit', '--no-fund']);
    if (code !== 0) throw new Error(stderr);
  }

  function run(command: string, args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      execFile(command, args, { cwd: folder, env: cleanEnv() }, (error, stdout, stderr) => {
        resolve({ code: error?.code ?? 0, stdout, stderr });
      });
    });
  }

  async function pack(name: string, version: string): Promise<void> {
    const source = join(folder, 'packages', name);
    await mkdir(source, { recursive: true });
    await writeJson(`packages/${name}/package.json`, { name, version, type: 'module', exports: './index.js' });
    await writeFile(join(source, 'index.js'), `export const name = '${name} ${version}';\n`);
    await npm('pack', `./packages/${name}`);
  }

  async function writeJson(path: string, value: unknown): Promise<void> {
    await writeFile(join(folder, path), JSON.stringify(value));
  }

  /** A module that makes the Node which loads it believe that it is an old one. */
  async function oldNode(): Promise<string> {
    const path = join(folder, 'old-node.mjs');
    const versions = "{ ...process.versions, node: '18.0.0' }";
    await writeFile(path, `Object.defineProperty(process, 'versions', { value: ${versions} });\n`);
    return path;
  }
});

// Not as part of an npm script, which the test run usually is.
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
}
