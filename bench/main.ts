/** `npm run -s bench -- <name> [--json]`: figures of this machine, as ratios taken in one run. */
import { parseArgs } from 'node:util';

const BENCHES: Readonly<Record<string, () => Promise<{ run(): Promise<object> }>>> = {
  mapping: () => import('./mapping.ts'),
  feed: () => import('./feed.ts'),
  connectors: () => import('./connectors.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
});
const [name] = positionals;
const bench = name === undefined ? undefined : BENCHES[name];
if (values.help || !bench) {
  const usage = `Usage: npm run -s bench -- <${Object.keys(BENCHES).join('|')}> [--json]\n\nExample: npm run -s bench -- feed --json\n`;
  (values.help ? process.stdout : process.stderr).write(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  const figures = await (await bench()).run();
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else for (const [key, value] of Object.entries(figures)) process.stdout.write(`${key.padEnd(32)}${String(value)}\n`);
}
