/** Tells soon that files have landed, so that nobody has to wait for the schedule. */
import type { ConnectionContext } from '../../src/connector/index.ts';
import type { FeedConfig } from './config.ts';
import { deliveryRules, findDeliveries } from './delivery.ts';
import type { Folder } from './folder.ts';

/** Looking is cheap on a local disk and a round trip on a server. fs.watch misses changes on network folders. */
const LOCAL_EVERY_MS = 500;
const REMOTE_EVERY_MS = 15_000;

/**
 * Calls `onChange` with the name of each stream whose files differ from the last look, until the signal ends it. The first look
 * only takes note: what lay there before is the schedule's. A folder that cannot be read now is looked at again.
 */
export async function watchFeed(
  folder: Folder,
  config: FeedConfig,
  context: ConnectionContext,
  onChange: (stream: string) => void,
): Promise<void> {
  const streams = Object.entries(config.streams).map(([name, settings]) => ({ name, rules: deliveryRules(settings) }));
  const seen = new Map<string, string>();
  const { clock, signal, log } = context;
  while (!signal.aborted) {
    try {
      const files = await folder.list();
      for (const { name, rules } of streams) {
        // Markers count: a file that waited for its marker has not changed itself.
        const found = rules.marker === null ? findDeliveries(files, rules) : files;
        const state = found
          .map((file) => `${file.name}\n${file.size}\n${file.modifiedMs}`)
          .sort()
          .join('\n');
        if (seen.has(name) && seen.get(name) !== state && state !== '') onChange(name);
        seen.set(name, state);
      }
    } catch (thrown) {
      if (!signal.aborted) log.debug({ error: String(thrown) }, 'the feed folder cannot be looked at now');
    }
    await clock.sleep(folder.isLocal ? LOCAL_EVERY_MS : REMOTE_EVERY_MS, signal).catch(() => {}); // The signal ends the loop.
  }
}
