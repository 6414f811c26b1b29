import {
  type CheckFinding,
  type ConnectionContext,
  defineConnector,
  type Json,
  missingId,
  probe,
  type Source,
  unsupported,
  unsupportedPages,
} from '../../src/connector/index.ts';
import { call } from './client.ts';
import { config, type WooCommerceConfig } from './config.ts';
import { decode } from './decode.ts';
import { streams } from './streams.ts';
import { webhooks } from './webhooks.ts';

/** WooCommerce shops over their REST API (wc/v3). */
export default defineConnector({
  name: 'woocommerce',
  title: 'WooCommerce',
  docs: 'https://woocommerce.github.io/woocommerce-rest-api-docs/',
  directions: ['in'],
  config,
  streams,
  // Shops name no limit. This is one call after the other with a little room, as a small server can bear.
  budgets: ({ concurrency }) => [
    {
      name: 'general',
      limit: 5 * concurrency,
      windowMs: 1000,
      concurrency,
      about: 'a shop has no rate limit of its own; the server behind it has',
    },
  ],
  open: (settings, context) => Promise.resolve(open(settings, context)),
  decode,
  isRawJson: true,
});

function open(settings: WooCommerceConfig, context: ConnectionContext): Source {
  return {
    streams: () => streams,
    check: () => probe(() => check(settings, context)),
    read: () => unsupportedPages('woocommerce', 'read'),
    readIds: () => Promise.reject(unsupported('woocommerce', 'read single records')),
    externalId,
    webhooks: webhooks(settings),
    close: () => Promise.resolve(),
  };
}

async function check(settings: WooCommerceConfig, context: ConnectionContext): Promise<readonly CheckFinding[]> {
  const answer = await call(settings, context, {
    path: '/products',
    query: { per_page: '1', _fields: 'id' },
    trafficClass: 'poll',
  });
  const total = answer.headers.get('x-wp-total');
  if (!Array.isArray(answer.body) || total === null) {
    return [
      {
        subject: 'reach',
        ok: false,
        message: 'Something answers, but not like WooCommerce.',
        remedy: 'Check url and apiPath.',
      },
    ];
  }
  return [
    { subject: 'reach', ok: true, message: `The shop answers and counts ${total} products.` },
    { subject: 'credentials', ok: true, message: 'The API key is accepted for reading products.' },
  ];
}

/** Post ids are unique over products, variations, orders, refunds and coupons; users and terms count apart, and have streams of their own. */
function externalId(stream: string, raw: Json): string {
  const id = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? raw.id : raw;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id);
  if (typeof id === 'string' && /^\d+$/.test(id)) return id.replace(/^0+(?=\d)/, '');
  throw missingId('woocommerce', stream);
}
