/** Files from a local folder or an SFTP server. Settings and delivery rules: README.md. */
import {
  type ConnectionContext,
  defineConnector,
  type Json,
  type Source,
  type StreamDeclaration,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { checkFeed } from './check.ts';
import { type FeedConfig, feedConfig, type StreamSettings } from './config.ts';
import { deliveryRules } from './delivery.ts';
import type { Folder } from './folder.ts';
import { formatOf } from './formats/index.ts';
import { openLocalFolder } from './local-folder.ts';
import { readFeed } from './read.ts';
import { openSftpFolder } from './sftp-folder.ts';
import { watchFeed } from './watch.ts';

export default defineConnector({
  name: 'feed',
  title: 'Files (local folder, SFTP)',
  docs: 'connectors/feed/README.md',
  directions: ['in'],
  config: feedConfig,
  open: openFeed,
  async watch(config, context, onChange) {
    const folder = await openFolder(config, context);
    try {
      await watchFeed(folder, config, context, onChange);
    } finally {
      await folder.close();
    }
  },
  decode: (parts, context) => formatOf(context['format']).decode(parts, context),
});

async function openFeed(config: FeedConfig, context: ConnectionContext): Promise<Source> {
  const folder = await openFolder(config, context);
  return {
    streams: () => Object.entries(config.streams).map(([name, settings]) => declare(name, settings)),
    check: () => checkFeed(folder, config, context),
    read: (request) => readFeed({ folder, rules: deliveryRules(settingsOf(config, request.stream)), context }, request),
    readIds: async (stream) => {
      throw new TributaryError(
        'ERR_CONNECTOR_UNSUPPORTED',
        `stream ${stream}: files keep no index, so single records cannot be read again`,
        {
          remedy: 'Run a full sync of the stream: it reads the newest file of each scope again.',
        },
      );
    },
    externalId: (_stream, raw) => externalId(raw),
    close: () => folder.close(),
  };
}

async function openFolder(config: FeedConfig, context: ConnectionContext): Promise<Folder> {
  if (config.path !== undefined) return openLocalFolder(config.path, context);
  if (config.sftp !== undefined) return openSftpFolder(config.sftp, context);
  throw new TributaryError('ERR_CONFIG_INVALID', `connection ${context.connection} needs either path or sftp`);
}

function settingsOf(config: FeedConfig, stream: string): StreamSettings {
  const settings = Object.hasOwn(config.streams, stream) ? config.streams[stream] : undefined;
  if (settings !== undefined) return settings;
  throw new TributaryError(
    'ERR_CONFIG_INVALID',
    `the feed connection has no stream ${stream}; it has: ${Object.keys(config.streams).join(', ') || 'none'}`,
  );
}

function declare(name: string, settings: StreamSettings): StreamDeclaration {
  const kinds = typeof settings.files === 'string' ? [settings.kind] : settings.files.map((set) => set.kind);
  const patterns = typeof settings.files === 'string' ? [settings.files] : settings.files.map((set) => set.pattern);
  return {
    ...{ name, about: `Files ${patterns.join(', ')} (${settings.format})`, mode: settings.mode, cursor: 'token' },
    ...{ visibilityLagMs: 0, overlapMs: 0, blindFields: [], volatilePaths: [], fields: null, key: [] },
    volatileContext: ['file', 'asOf'],
    deletes: kinds.includes('snapshot') ? ['absence'] : [],
  };
}

// A key cell with spaces around it is the same key; letters keep their case, because SKUs may differ by it.
function externalId(raw: Json): string {
  if (typeof raw === 'string') return raw.trim();
  if (typeof raw === 'number') return String(raw);
  throw new TributaryError('ERR_LOAD_KEY_MISSING', 'a key of a file record must be a text or a number');
}
