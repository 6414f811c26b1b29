/**
 * `npm run -s soak -- kill`: a sync that is killed, frozen and cut off wherever it hurts, and what is left of it.
 * `npm run -s soak -- hostile`: vendors that misbehave, by seed, and whether the store knows what they have.
 * `npm run -s soak -- echo`: changes on both sides of systems that are read and written, and whether one comes back.
 * `npm run -s soak -- live`: how soon a purchase in the sandbox is in the inventory, and a lead in both CRMs.
 * Ends with 1 unless nothing was lost, doubled or out of balance, and what is live was in time.
 */
import { parseArgs } from 'node:util';
import { SAFETIES, type Safety } from './alterations.ts';
import { ECHO_SAFETIES, echoSoak } from './echo.ts';
import { hostileSoak } from './hostile.ts';
import { HOSTILE_SAFETIES } from './hostile-safeties.ts';
import { TARGETS } from './hostile-targets.ts';
import { type KillReport, killSoak } from './kill.ts';
import { liveSoak } from './live.ts';

const USAGE = `Usage: npm run -s soak -- kill|hostile|echo|live [options]

kill: a sync that is killed wherever it hurts

  --points <n>       how many points to try (default 20)
  --from <seed>      seed of all that is left to chance (default 1)
  --point <n>        try this point of the seed alone
  --engine <name>    pglite, postgres (with Redis) or both (default pglite)
  --records <n>      records of the synced feed (default 20000)
  --without <what>   take a safety away: ${SAFETIES.join(', ')}; the soak must then fail

hostile: vendor systems that misbehave while runs read them
  --seeds <n>        how many seeds to try (default 100)
  --from <seed>      the first of them (default 1)
  --only <names>     these systems alone, with commas: ${Object.keys(TARGETS).join(', ')}
  --without <what>   take a safety away: ${HOSTILE_SAFETIES.join(', ')}; the soak must then fail

echo: leads, customers, campaigns, orders and stock that change in CRMs, in shops and here
  --changes <n>      how many changes (default 1000)
  --seed <n>         seed of all that is left to chance (default 1)
  --without <what>   take a safety away: ${ECHO_SAFETIES.join(', ')}; the soak must then fail

live: the sandbox as npm start runs it; a purchase is to be in the inventory within 2 s by webhook
  --changes <n>      how many purchases (default 5)

  --json             one JSON object at the end

Examples:
  npm run -s soak -- kill --points 50 --from 7 --engine both
  npm run -s soak -- hostile --seeds 1000 --from 1
  npm run -s soak -- echo --changes 10000 --seed 1
`;
const SOAKS = ['kill', 'hostile', 'echo', 'live'] as const;

function parse() {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      points: text,
      seeds: text,
      only: text,
      from: text,
      point: text,
      engine: text,
      records: text,
      changes: text,
      seed: text,
      without: text,
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const number = (value: string | undefined, otherwise: number): number => {
    const parsed = value === undefined ? otherwise : Number(value);
    if (!Number.isSafeInteger(parsed) || parsed < 1) throw new RangeError(`${value} is no whole number from 1`);
    return parsed;
  };
  const engines = { pglite: ['pglite'], postgres: ['postgres'], both: ['pglite', 'postgres'] }[
    values.engine ?? 'pglite'
  ];
  if (!engines) throw new RangeError(`there is no engine ${values.engine}`);
  const soak = SOAKS.find((one) => one === positionals[0]);
  const safeties = { kill: SAFETIES, hostile: HOSTILE_SAFETIES, echo: ECHO_SAFETIES, live: [] }[soak ?? 'kill'];
  if (values.without !== undefined && !safeties.some((one) => one === values.without))
    throw new RangeError(`there is no safety ${values.without}`);
  return {
    soak,
    help: values.help === true || soak === undefined,
    isAsked: values.help === true,
    json: values.json === true,
    engines: engines as readonly ('pglite' | 'postgres')[],
    without: values.without ?? null,
    only: values.only?.split(','),
    seeds: { from: number(values.from, 1), count: number(values.seeds, 100) },
    seed: number(values.seed ?? values.from, 1),
    changes: number(values.changes, soak === 'live' ? 5 : 1000),
    records: number(values.records, 20_000),
    points:
      values.point === undefined
        ? { from: 1, to: number(values.points, 20) }
        : { from: number(values.point, 1), to: number(values.point, 1) },
  };
}

async function main(): Promise<number> {
  let asked: ReturnType<typeof parse>;
  try {
    asked = parse();
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}`);
    return 2;
  }
  if (asked.help) {
    (asked.isAsked ? process.stdout : process.stderr).write(USAGE);
    return asked.isAsked ? 0 : 2;
  }
  if (asked.soak === 'live') return live(asked);
  if (asked.soak === 'echo') return echo(asked);
  return asked.soak === 'hostile' ? hostile(asked) : kill(asked);
}

type Asked = ReturnType<typeof parse>;
const say = (line: string) => void process.stderr.write(`${line}\n`);

async function live({ changes, json }: Asked): Promise<number> {
  const report = await liveSoak(changes, say);
  process.stdout.write(`${json ? JSON.stringify({ ok: report.isClean, ...report }) : report.line}\n`);
  return report.isClean ? 0 : 1;
}

async function echo({ changes, seed, without, json }: Asked): Promise<number> {
  const safety = ECHO_SAFETIES.find((one) => one === without) ?? null;
  const report = await echoSoak({ changes, seed, without: safety }, say);
  if (json) process.stdout.write(`${JSON.stringify({ ok: report.isClean, seed, without, ...report })}\n`);
  else {
    say(`${report.writes} writes; ${report.seconds} s`);
    process.stdout.write(`${report.line}\n`);
  }
  return report.isClean ? 0 : 1;
}

async function hostile({ seeds, without, only, json }: Asked): Promise<number> {
  const safety = HOSTILE_SAFETIES.find((one) => one === without) ?? null;
  const report = await hostileSoak({ seeds, without: safety, only }, say);
  if (json) process.stdout.write(`${JSON.stringify({ ok: report.isClean, from: seeds.from, without, ...report })}\n`);
  else {
    const counts = (of: Readonly<Record<string, number>>) =>
      Object.entries(of)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ');
    say(`played: ${counts(report.played)}`);
    say(`webhooks: ${counts(report.deliveries)}`);
    say(`read: ${counts(report.byTarget)}; cursors: ${counts(report.cursors)}`);
    say(`seconds per seed: ${counts(report.secondsPerSeed)}`);
    say(
      `${report.runs} runs, ${report.failedRuns} failed and made up for, ${report.unbalanced} unbalanced; ${report.seconds} s`,
    );
    process.stdout.write(`${report.line}\n`);
  }
  return report.isClean ? 0 : 1;
}

async function kill(asked: Asked): Promise<number> {
  const reports: KillReport[] = [];
  const without: Safety | null = SAFETIES.find((one) => one === asked.without) ?? null;
  for (const engine of asked.engines) {
    const report = await killSoak({ ...asked, without, engine }, say);
    reports.push(report);
    if (!asked.json)
      process.stdout.write(
        `${engine}: ${report.line} (seed ${asked.seed}${asked.without ? `, without ${asked.without}` : ''})\n`,
      );
  }
  const isClean = reports.every((report) => report.isClean);
  if (asked.json)
    process.stdout.write(
      `${JSON.stringify({ ok: isClean, seed: asked.seed, without: asked.without, engines: reports })}\n`,
    );
  return isClean ? 0 : 1;
}

// All that was started has been ended; a timer of a wait that is over would keep this process for a minute.
process.exit(await main());
