import { once } from 'node:events';
import { join } from 'node:path';
import { secretsOf, stateDir } from '../app.ts';
import type { Config } from '../config/types.ts';
import { TributaryError } from '../errors.ts';
import { createLog } from '../observe/log.ts';
import { isOver, listRuns, type RunFacts } from '../run/list-runs.ts';
import { readSandbox, sandboxFile } from '../sandbox-file.ts';
import type { Service } from '../service.ts';
import { isLocked } from '../store/lock.ts';
import { sql } from '../store/store.ts';
import { command, count, EXIT } from './command.ts';
import type { CommandContext } from './context.ts';
import { counted } from './render.ts';

/** How long stopping may take; then the process ends, within ten seconds of the signal, and what was in the air is done again after the next start. */
const STOP_MS = 9_000;
/** How long the words about the first runs wait for them. */
const FIRST_RUNS_MS = 20_000;
const LOOK_MS = 200;
/** Runs that began this long before the words are of this start. */
const START_MS = 5_000;

export const start = command({
  path: 'start',
  about: 'Start the program: workers, schedules, watches and the API, until Ctrl-C',
  details:
    'Without tributary.yaml it runs the sandbox: vendor systems on this machine with a made-up shop, and a folder .tributary/feeds whose files are read and loaded.',
  args: {},
  options: { speed: count('<n>', 'The sandbox: how much faster than the real ones its vendor systems are', 1) },
  examples: [
    ['tributary start', 'with the tributary.yaml of this folder, or as sandbox'],
    ['tributary start --dir /srv/acme', 'with that of another folder'],
  ],
  where: 'here',
  async run(context, { options }) {
    const config = context.config();
    const running = await alreadyRunning(config);
    if (running) {
      await context.out(`Tributary runs already at ${running}\n`);
      return EXIT.ok;
    }
    const secrets = new Set(await secretsOf(config));
    const log = createLog({
      format: context.isTty ? 'text' : 'json',
      write: (line) => void context.err(line),
      secrets: () => [...secrets],
    });
    const { startService } = await import('../service.ts');
    if (context.signal.aborted) return EXIT.ok;
    const late = endOfPatience(context.signal);
    const onSecret = (token: string) => void secrets.add(token);
    const service = await Promise.race([startService(config, { log, onSecret, speed: options.speed }), late]);
    if (service === null) return EXIT.ok;
    await context.out(opening(config, service));
    const told = tellFirstRuns(context, service, config).catch(() => undefined);
    if (!context.signal.aborted) await once(context.signal, 'abort');
    await context.err('Stopping …\n');
    await Promise.race([Promise.all([service.stop(), told]), late]);
    return EXIT.ok;
  },
});

/** Comes when the program was told to stop and has had its time to do so, also while it was still starting. */
async function endOfPatience(signal: AbortSignal): Promise<null> {
  await once(signal, 'abort');
  await new Promise((resolve) => setTimeout(resolve, STOP_MS));
  return null;
}

/** Address of the program that has this folder; `null` when none has. */
async function alreadyRunning(config: Config): Promise<string | null> {
  if (!(await isLocked(join(stateDir(config), 'service')))) return null;
  const sandbox = await readSandbox(config);
  if (sandbox) return sandbox.url;
  throw new TributaryError('ERR_STORE_LOCKED', `Another program is starting in ${config.dir}.`);
}

function opening(config: Config, { url, otherPort, app, sandbox }: Service): string {
  const lines = [`Tributary runs at ${url}`];
  if (otherPort) lines.push(`Port ${config.port} is taken by another program, so this is the next free one.`);
  const store = config.databaseUrl ? 'PostgreSQL' : `PGlite in ${join(stateDir(config), 'store')}`;
  const queue = config.redisUrl ? 'Redis' : 'the same database';
  lines.push(`Store: ${store}. Queue: BullMQ on ${queue}.`);
  if (config.file) lines.push(`Configuration: ${config.file}, ${counted(app.streams.all.length, 'stream')}.`);
  else {
    lines.push(
      'There is no tributary.yaml here, so this is the sandbox: a made-up shop with sample feeds and vendor systems:',
    );
    for (const [name, system] of Object.entries(sandbox.systems ?? {}))
      lines.push(`  ${name.padEnd(12)} ${system.url}`);
  }
  return `${lines.join('\n')}\n\n`;
}

/** What the runs of this start did, in plain words, and what to try next. */
async function tellFirstRuns(context: CommandContext, service: Service, config: Config): Promise<void> {
  const { app } = service;
  const tenant = app.streams.tenant;
  const until = app.clock.now().getTime() + FIRST_RUNS_MS;
  const since = app.clock.now().getTime() - START_MS;
  const look = async () => {
    const all = await app.store.answer(tenant, (tx) => listRuns(tx, { limit: 50, page: 1 }));
    return all.filter((run) => run.startedAt === null || new Date(run.startedAt).getTime() >= since);
  };
  const expected = app.streams.all.filter((one) => one.config.every !== 'manual').length;
  let runs = await look();
  const isDone = () => runs.length >= expected && runs.every(isOver);
  while (!isDone() && app.clock.now().getTime() < until && !context.signal.aborted) {
    await app.clock.sleep(LOOK_MS, context.signal);
    runs = await look();
  }
  const lines = runs.filter((run) => run.read > 0 || run.error !== null).map(sentence);
  const [stock] = await app.store.answer(tenant, (tx) =>
    tx.rows<{ products: number; variants: number; levels: number; units: number; waiting: number }>(sql`
      select (select count(*) from product where archived_at is null) as products, (select count(*) from variant where archived_at is null) as variants,
        (select count(*) from stock_level) as levels, (select coalesce(sum(quantity), 0)::bigint from stock_level) as units, (select count(*) from stock_waiting) as waiting`),
  );
  const known = stock
    ? [
        `The store holds ${counted(stock.products, 'product')}, ${counted(stock.variants, 'variant')} and ${counted(stock.levels, 'stock level')} with ${stock.units} units.`,
      ]
    : [];
  if (stock && stock.waiting > 0)
    known.push(
      `${counted(stock.waiting, 'stock figure')} named a SKU that no product feed knows: kept until one does, not dropped.`,
    );
  await context.out([...lines, ...known, '', ...tryNext(service, config), ''].join('\n'));
}

function sentence(run: RunFacts): string {
  const parts = [
    [run.created, 'created'],
    [run.updated, 'updated'],
    [run.unchanged, 'unchanged'],
    [run.skipped, 'skipped'],
    [run.deadLettered, 'dead letters'],
    [run.deleted, 'deleted'],
  ] as const;
  const told = parts.flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : []));
  const why = run.error ? ` (${run.error.message})` : '';
  return `${run.connection}/${run.stream}: ${run.read} read, ${told.join(', ') || 'nothing to do'}; ${run.state}${why}`;
}

function tryNext(service: Service, config: Config): string[] {
  const { url, sandbox } = service;
  const cli = 'npm run -s tributary --';
  const dir = config.dir === process.cwd() ? '' : ` --dir ${config.dir}`;
  const drop =
    sandbox.feeds && !config.file
      ? [
          'Drop a file, and see the stock change within seconds:',
          `  printf 'sku,location,quantity,as_of\\nTEN-001,main,77,%s\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" > ${join(sandbox.feeds, 'inventory-mine.csv')}`,
        ]
      : [];
  return [
    `Ask for the stock (the key is in ${sandboxFile(config)}):`,
    `  curl -H "X-API-Key: ${config.file ? '<key>' : sandbox.apiKey}" "${url}/api/v2/inventory?limit=3"`,
    ...drop,
    ...(sandbox.systems?.['shopify'] && !config.file
      ? [
          'Buy something in the shop, and see it gone from the stock:',
          `  ${cli} sandbox buy shopify TEN-001 --quantity 2${dir}`,
        ]
      : []),
    'See what happened to every record, and why a value is what it is:',
    `  ${cli} runs list${dir}`,
    config.file ? `  ${cli} connections check <name>${dir}` : `  ${cli} explain variant TEN-001${dir}`,
    'Ctrl-C stops it; nothing is lost, and the next start goes on.',
  ];
}
