import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = 'node_modules/.cache/check';

interface Step {
  name: string;
  looksAt: string;
  program: string;
  args: readonly string[];
  /** Makes the output fit to read, where the tool's own is not. */
  render?: (output: string) => string;
}

// The longest first: they run side by side.
const steps: readonly Step[] = [
  {
    name: 'tsc',
    looksAt: 'types',
    program: 'typescript/bin/tsc',
    args: ['--noEmit', '--incremental', '--tsBuildInfoFile', `${cache}/tsconfig.tsbuildinfo`],
  },
  {
    name: 'knip',
    looksAt: 'unused files, exports and packages',
    program: 'knip/bin/knip.js',
    args: ['--no-progress', '--no-config-hints'],
  },
  {
    name: 'dependency-cruiser',
    looksAt: 'import fences',
    program: 'dependency-cruiser/bin/dependency-cruiser.mjs',
    args: ['--config', '.dependency-cruiser.cjs', '--output-type', 'err-long', '.'],
  },
  {
    name: 'biome',
    looksAt: 'format and lint',
    program: '@biomejs/biome/bin/biome',
    // Its own report shows every badly formatted file in full.
    args: ['check', '--reporter=json', '--max-diagnostics=none', '--colors=off'],
    render: renderBiome,
  },
];

/** Runs every step to its end, prints what each found, and gives the names of those that failed. */
export async function check(): Promise<string[]> {
  mkdirSync(join(root, cache), { recursive: true });
  const failed: string[] = [];
  const running = steps.map((step) => ({ step, done: runStep(step) }));
  for (const { step, done } of running) {
    const { isOk, output, seconds } = await done;
    if (!isOk) {
      failed.push(step.name);
      process.stdout.write(`${(step.render?.(output) ?? output).trimEnd()}\n`);
    }
    process.stdout.write(`check: ${isOk ? 'ok    ' : 'FAILED'} ${step.name}, ${step.looksAt} (${seconds} s)\n`);
  }
  return failed;
}

async function runStep({ program, args }: Step): Promise<{ isOk: boolean; output: string; seconds: string }> {
  const started = performance.now();
  const child = spawn(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  return { isOk: code === 0, output, seconds: ((performance.now() - started) / 1000).toFixed(1) };
}

interface BiomeReport {
  diagnostics: {
    severity: string;
    category: string;
    message: string;
    location: { path: string; start: { line: number; column: number } };
  }[];
}

function renderBiome(output: string): string {
  const report: BiomeReport = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1));
  return report.diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ category, message, location: { path, start } }) => {
      if (category === 'format') return `${path}: is not formatted; run npm run format -- ${path}`;
      return `${path}:${start.line}:${start.column} ${category}: ${message}`;
    })
    .join('\n');
}

if (import.meta.main) process.exitCode = (await check()).length > 0 ? 1 : 0;
