/**
 * `npm run -s soak -- kill`: a sync that is killed, frozen and cut off wherever it hurts, and what is left of it.
 * Ends with 1 unless nothing was lost, doubled or out of balance.
 */
import { parseArgs } from 'node:util';
import { SAFETIES, type Safety } from './alterations.ts';
import { type KillReport, killSoak } from './kill.ts';

const USAGE = `Usage: npm run -s soak -- kill [options]

  --points <n>       how many points to try (default 20)
  --from <seed>      seed of all that is left to chance (default 1)
  --point <n>        try this point of the seed alone
  --engine <name>    pglite, postgres (with Redis) or both (default pglite)
  --records <n>      records of the synced feed (default 20000)
  --without <what>   take a safety away: ${SAFETIES.join(', ')}; the soak must then fail
  --json             one JSON object at the end

Example: npm run -s soak -- kill --points 50 --from 7 --engine both
`;

function parse() {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      points: text,
      from: text,
      point: text,
      engine: text,
      records: text,
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
  const without = SAFETIES.find((one) => one === values.without) ?? null;
  if (values.without !== undefined && without === null) throw new RangeError(`there is no safety ${values.without}`);
  return {
    help: values.help === true || positionals[0] !== 'kill',
    isAsked: values.help === true,
    json: values.json === true,
    engines: engines as readonly ('pglite' | 'postgres')[],
    without: without as Safety | null,
    seed: number(values.from, 1),
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
  const reports: KillReport[] = [];
  for (const engine of asked.engines) {
    const report = await killSoak({ ...asked, engine }, (line) => process.stderr.write(`${line}\n`));
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
