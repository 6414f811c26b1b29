/**
 * One life of a worker on PostgreSQL and Redis: the whole program, as `tributary start` runs it. Strikes itself where it is
 * told to; ends at SIGTERM. One JSON argument; one JSON line on stdout for each thing that happens.
 */
import { loadConfig } from '../../src/config/load.ts';
import { createLog } from '../../src/observe/log.ts';
import { startService } from '../../src/service.ts';
import { sql } from '../../src/store/store.ts';
import { type Safety, without } from './alterations.ts';
import { type Strike, struck } from './strike.ts';
import { tapStore } from './tapped-store.ts';

export type ServiceLife = {
  readonly dir: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly strike: Strike | null;
  readonly without: Safety | null;
};

const life: ServiceLife = JSON.parse(process.argv[2] ?? '{}');
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const config = loadConfig({ dir: life.dir, env: { DATABASE_URL: life.databaseUrl, REDIS_URL: life.redisUrl } });
const log = createLog({ level: 'warn', format: 'json', write: (line) => process.stderr.write(line) });
const alteration = life.without && without(life.without);
const service = await startService(config, { log });
if (alteration?.first) await service.app.store.rows(sql.raw(alteration.first));
const tap = tapStore(service.app.store, alteration);
const { strike } = life;
if (strike) {
  tap.onPlace = struck(strike, () => {
    // Nothing of this process goes on behind this line until somebody continues it, if ever.
    process.kill(process.pid, strike.what === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  });
  tap.onSettled = (nth) => {
    if (strike.what === 'freeze' && nth === strike.nth) say({ thawed: true });
  };
}
process.once('SIGTERM', () => {
  say({ done: true, passed: tap.passed, pages: tap.pages, altered: alteration?.made ?? [] });
  void service.stop().then(() => process.exit(0));
});
say({ ready: true });
