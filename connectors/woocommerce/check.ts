/** Looks at a connection and says in words what works. */
import type { CheckFinding } from '../../src/connector/index.ts';
import { call, errorIn, isObject, type Shop, type ShopAnswer, send } from './client.ts';
import { LISTS } from './lists.ts';
import { unitsOf } from './units.ts';

const trafficClass = 'poll';
/** A shop reached with a clock this far off is read by its own clock; farther off, somebody should know. */
const CLOCK_MS = 5 * 60_000;
const OLDEST_TESTED = 11;

/** @throws TributaryError as `call`, when the first call already fails */
export async function check(shop: Shop): Promise<readonly CheckFinding[]> {
  const first = await call(shop, { path: '/products', query: { per_page: '1', _fields: 'id' }, trafficClass });
  const total = first.headers.get('x-wp-total');
  if (!Array.isArray(first.body) || total === null) {
    return [
      {
        ...{ subject: 'reach', ok: false, message: 'Something answers, but not like WooCommerce.' },
        remedy: 'Check url and apiPath.',
      },
    ];
  }
  return [
    { subject: 'reach', ok: true, message: `The shop answers and counts ${total} products.` },
    { subject: 'credentials', ok: true, message: 'The API key is accepted for reading products.' },
    ...clock(first),
    ...(await scopes(shop)),
    await version(shop),
    await units(shop),
  ];
}

function clock({ headers, answeredAt }: ShopAnswer): CheckFinding[] {
  const offMs = Date.parse(headers.get('date') ?? '') - answeredAt.getTime();
  if (!(Math.abs(offMs) > CLOCK_MS)) return [];
  const words = `${Math.round(Math.abs(offMs) / 60_000)} minutes ${offMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  return [
    {
      ...{ subject: 'clock', ok: false, message: `The shop's clock is ${words}.` },
      remedy:
        'Set both clocks by NTP. Changes are read by the slower one, so none is lost; signatures fail at 15 minutes.',
    },
  ];
}

/** One record of each other stream: some plugins and roles close single ones. */
async function scopes(shop: Shop): Promise<CheckFinding[]> {
  const findings: CheckFinding[] = [];
  for (const [stream, { path, query }] of Object.entries(LISTS)) {
    if (stream === 'products') continue;
    const answer = await send(shop, { path, query: { ...query, per_page: '1', _fields: 'id' }, trafficClass });
    if (answer.status === 200 && Array.isArray(answer.body)) continue;
    const { code } = errorIn(answer.body);
    const why =
      answer.status === 404 ? 'this version of WooCommerce has no such list' : (code ?? `HTTP ${answer.status}`);
    findings.push({
      ...{ subject: `stream:${stream}`, ok: false, message: `The stream ${stream} cannot be read: ${why}.` },
      remedy: remedyOf(answer.status),
    });
  }
  if (findings.length > 0) return findings;
  return [{ subject: 'scope', ok: true, message: 'The API key may read every stream.' }];
}

function remedyOf(status: number): string {
  if (status === 404) return 'Update WooCommerce, or leave this stream out of the connection.';
  if (status === 401 || status === 403)
    return 'Give the user of the API key the role shop manager, or leave this stream out of the connection.';
  return 'Check again. If it stays so, the error log of the shop says why, or a plugin answers in its place.';
}

/** `GET /system_status` with these fields alone is quick; whole it calls other servers. */
async function version(shop: Shop): Promise<CheckFinding> {
  const query = { _fields: 'environment.version' };
  const answer = await send(shop, { path: '/system_status', query, trafficClass });
  const environment = isObject(answer.body) ? answer.body.environment : undefined;
  const told = isObject(environment) && typeof environment.version === 'string' ? environment.version : null;
  if (answer.status !== 200 || told === null)
    return { subject: 'version', ok: true, message: 'The shop does not tell its version to this API key.' };
  if (Number.parseInt(told, 10) >= OLDEST_TESTED)
    return { subject: 'version', ok: true, message: `It is WooCommerce ${told}.` };
  return {
    ...{ subject: 'version', ok: false, message: `It is WooCommerce ${told}; tested is ${OLDEST_TESTED} and newer.` },
    remedy: 'Update WooCommerce. Older ones may lack the list of all variations or of all refunds.',
  };
}

async function units(shop: Shop): Promise<CheckFinding> {
  const { currency, weightUnit } = await unitsOf(shop, trafficClass);
  if (currency !== null && weightUnit !== null)
    return { subject: 'units', ok: true, message: `Prices are in ${currency}, weights in ${weightUnit}.` };
  const missing = currency === null ? 'the currency of its prices' : 'the unit of its weights';
  return {
    ...{ subject: 'units', ok: false, message: `The shop does not tell ${missing} to this API key.` },
    remedy: 'Set currency and weightUnit in the settings of the connection.',
  };
}
