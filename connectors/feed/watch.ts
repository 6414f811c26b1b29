/** Tells soon that files have landed, so that nobody has to wait for the schedule. */
import type { ConnectionContext } from '../../src/connector/index.ts';
import type { FeedConfig } from './config.ts';
import { deliveryRules, findDeliveries } from './delivery.ts';
import type { Folder } from './folder.ts';

/**
 * Looking is cheap on a local disk; on a server it is a round trip, and the connection says how often. fs.watch misses changes on
 * network folders.
 */
const LOCAL_EVERY_MS = 500;

/**
 * Calls `onChange` with the name of each stream whose files differ from the last look, until the signal ends it; at the first
 * look, of each that has files: they may have come while nobody looked. A folder that cannot be read now is looked at again.
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
        if (seen.get(name) !== state && state !== '') onChange(name);
        seen.set(name, state);
      }
    } catch (thrown) {
      if (!signal.aborted) log.debug({ error: String(thrown) }, 'the feed folder cannot be looked at now');
    }
    await clock.sleep(config.sftp?.watchMs ?? LOCAL_EVERY_MS, signal).catch(() => {}); // The signal ends the loop.
  }
}
