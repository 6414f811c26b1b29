import type { CheckFinding, ConnectionContext } from '../../src/connector/index.ts';
import type { FeedConfig } from './config.ts';
import { deliveryRules, findDeliveries } from './delivery.ts';
import type { Folder } from './folder.ts';

export async function checkFeed(folder: Folder, config: FeedConfig, _context: ConnectionContext): Promise<readonly CheckFinding[]> {
  const files = await folder.list();
  const streams = Object.entries(config.streams).map(([name, settings]) => {
    const found = findDeliveries(files, deliveryRules(settings));
    return { subject: `stream:${name}`, ok: true, message: `${found.length} files` };
  });
  return [{ subject: 'reach', ok: true, message: `${folder.title}: ${files.length} files` }, ...streams];
}
