// The first thing that runs, on whatever Node the machine has (18 or newer): brings the packages up
// to package-lock.json, finds a Node that can run TypeScript as it is, and hands over to it.
// Plain JavaScript without dependencies, because before this has run there are none.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;
const MAX_INSTALL_MS = 15 * 60_000;
const MAX_NPM_LINES = 8;
const USAGE = 2;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const npmRecord = join(modules, '.package-lock.json');
// Not in node_modules, which `npm ci` deletes.
const installLock = join(root, '.install.lock');

/** Runs a TypeScript file of this project and ends this process as that one ended. */
export function launch(entry, args) {
  try {
    if (!isInstalled(entry)) install(entry);
    if (!existsSync(join(root, entry))) fail(`${entry} is not in this checkout.`);
    run(findNode(), [join(root, entry), ...args]);
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    process.stderr.write(`tributary: ${error.message}\n`);
    process.exitCode = USAGE;
  }
}

class LaunchError extends Error {}

function fail(message) {
  throw new LaunchError(message);
}

// The program itself needs no development packages: an image may leave them out.
function needsDevelopmentPackages(entry) {
  return !entry.startsWith('src/');
}

/** Compares the lock file with what lies in node_modules; one differing version is enough. */
function isInstalled(entry) {
  // npm writes its own record last, so that an interrupted installation has none. What the record says
  // is not enough: some npm commands change it and install nothing.
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  if (!wanted) return fail('package-lock.json is missing or unreadable; restore it from version control.');
  if (!existsSync(npmRecord)) return false;
  for (const [path, pack] of Object.entries(wanted)) {
    if (path === '' || pack.link) continue;
    const found = readJson(join(root, path, 'package.json'));
    if (found ? found.version !== pack.version : isNeeded(pack, entry)) return false;
  }
  return isRecent(process.versions.node) || packagedNode() !== undefined;
}

// Optional is what npm leaves out on other platforms; what serves development, an image leaves out.
function isNeeded(pack, entry) {
  return !pack.optional && !pack.peer && !pack.devOptional && (!pack.dev || needsDevelopmentPackages(entry));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function install(entry) {
  const release = takeInstallLock();
  try {
    if (isInstalled(entry)) return;
    // A fresh tree is exact; into an existing one npm only changes what differs, so that a program
    // running from it keeps its files.
    const command = existsSync(npmRecord) ? 'install' : 'ci';
    rmSync(npmRecord, { force: true });
    process.stderr.write(`tributary: installing packages (npm ${command}), this happens once…\n`);
    const result = runNpm([
      command,
      // No package here needs its install script, and a script-less install works wherever scripts are barred.
      '--ignore-scripts',
      '--include=optional',
      ...(needsDevelopmentPackages(entry) ? ['--include=dev'] : []),
      ...['--no-audit', '--no-fund', '--no-progress', '--no-save', '--loglevel=error'],
    ]);
    if (result.error || result.status !== 0) {
      const said = result.error?.message ?? result.stderr.trim().split('\n').slice(0, MAX_NPM_LINES).join('\n');
      fail(`npm could not install the packages; check the network and run "npm ci" in ${root}. npm said:\n${said}`);
    }
  } finally {
    release();
  }
}

function runNpm(args) {
  // stdout belongs to the program, and npm explains an error with pages of usage.
  const options = { cwd: root, stdio: ['ignore', 2, 'pipe'], encoding: 'utf8' };
  const npmScript = process.env.npm_execpath;
  if (npmScript && basename(npmScript) === 'npm-cli.js' && existsSync(npmScript)) {
    return spawnSync(process.execPath, [npmScript, ...args], options);
  }
  const isWindows = process.platform === 'win32';
  return spawnSync(isWindows ? 'npm.cmd' : 'npm', args, { ...options, shell: isWindows });
}

/** Two starts at once in a fresh checkout must not install into each other. */
function takeInstallLock() {
  const deadline = Date.now() + MAX_INSTALL_MS;
  for (;;) {
    try {
      mkdirSync(installLock);
      writeFileSync(join(installLock, 'pid'), String(process.pid));
      return () => rmSync(installLock, { recursive: true, force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`cannot write to ${root} (${error.message}).`);
    }
    if (isAbandoned()) rmSync(installLock, { recursive: true, force: true });
    else if (Date.now() > deadline) fail(`another start is still installing; if none is, remove ${installLock}.`);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function isAbandoned() {
  try {
    // The holder writes its id right after making the folder.
    if (Date.now() - statSync(installLock).mtimeMs < 1000) return false;
    process.kill(Number(readFileSync(join(installLock, 'pid'), 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH' || (error.code === 'ENOENT' && existsSync(installLock));
  }
}

function isRecent(version) {
  return Number(version.split('.')[0]) >= NODE_MAJOR;
}

function findNode() {
  if (isRecent(process.versions.node)) return process.execPath;
  const node = packagedNode();
  if (node) return node;
  return fail(
    `Node ${NODE_MAJOR} or newer is needed, this is ${process.versions.node}, and npm has no Node ${NODE_MAJOR} ` +
      `for ${process.platform}-${process.arch}; install it from https://nodejs.org and start again.`,
  );
}

// npm carries Node itself, one package per platform, chosen by their os and cpu fields. Unlike the
// package "node" that wraps them, they need no install script.
function packagedNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const folders = [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`];
  return folders
    .flatMap((folder) => [join(modules, folder, 'bin', 'node'), join(modules, folder, 'bin', 'node.exe')])
    .find((path) => existsSync(path));
}

function run(node, args) {
  // Early Node 24 versions warn about type stripping on every start.
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...args], {
    stdio: 'inherit',
    env: { ...withCompileCache(), ...process.env, ...withFirstOnPath(dirname(node)) },
  });
  child.on('error', (error) => {
    process.stderr.write(`tributary: ${node} does not start here (${error.message}); install Node ${NODE_MAJOR}.\n`);
    process.exitCode = USAGE;
  });
  const signals = process.platform === 'win32' ? ['SIGINT', 'SIGBREAK'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals) {
    process.on(signal, () => {
      // A terminal sends its keyboard signals to the child as well; a second one would read as "at once".
      const isFromKeyboard = process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT');
      if (!isFromKeyboard) child.kill(signal);
    });
  }
  stopWhenOrphaned(child);
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

// `kill` on npm ends npm and the shell between npm and this process, which is told nothing. Started
// otherwise, losing the parent means nothing (nohup, a closed terminal).
function stopWhenOrphaned(child) {
  const parent = process.ppid;
  if (!process.env.npm_lifecycle_event || parent === 1) return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill('SIGTERM');
  }, 250);
  timer.unref();
}

// Modules are stripped of their types and compiled once; the next start takes half the time. Beside the packages,
// because a cache that somebody else may write to would be a way in. Node goes without where it cannot write.
function withCompileCache() {
  return { NODE_COMPILE_CACHE: join(modules, '.cache', 'tributary') };
}

function withFirstOnPath(folder) {
  // Windows spells it "Path"; two spellings would leave it to chance which one counts.
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  return { [name]: [folder, process.env[name]].filter(Boolean).join(delimiter) };
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  launch(process.argv[2], process.argv.slice(3));
}
