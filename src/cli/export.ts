import { ENTITY_NAMES } from '../canonical/entities.ts';
import { TributaryError } from '../errors.ts';
import { exportRows, exportStock } from '../load/export-rows.ts';
import { command, EXIT, flag, one } from './command.ts';

export const exportCommand = command({
  path: 'export',
  about: 'Write all rows of an entity, one JSON object a line',
  details:
    'The order is that of the natural key, and no id or time of this store is in it: two stores can be compared with diff.\nstock gives SKU, location, quantity and available.',
  args: { entity: one(`${ENTITY_NAMES.join(', ')} or stock`) },
  options: {
    ndjson: flag('One JSON object a line (there is no other form)'),
    archived: flag('Also rows whose sources are gone, marked archived'),
  },
  examples: [
    ['tributary export product > products.ndjson', 'all products'],
    ['tributary export stock', 'stock by SKU and location'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    const entity = ENTITY_NAMES.find((name) => name === args.entity);
    if (!entity && args.entity !== 'stock') {
      throw new TributaryError('ERR_CLI_USAGE', `There is no entity ${args.entity}.`, {
        remedy: `Use one of ${ENTITY_NAMES.join(', ')}, stock.`,
      });
    }
    const { store, streams } = await context.app();
    const batches = entity
      ? exportRows(store, entity, { tenant: streams.tenant, archived: options.archived })
      : exportStock(store, streams.tenant);
    let done = 0;
    for await (const lines of batches) {
      context.signal.throwIfAborted();
      await context.out(`${lines.join('\n')}\n`);
      done += lines.length;
      context.progress({ label: args.entity, done, total: null });
    }
    return EXIT.ok;
  },
});
