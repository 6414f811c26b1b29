/** Prices of products and coupons do not say their currency: it is a setting of the shop. */
import type { JsonObject, TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { call, isObject, type Shop } from './client.ts';

/**
 * What stands around the records of a page: `currency` where their prices have none. Without it when the shop does not tell
 * (`check` says so), for that must not keep the records from being read.
 */
export async function currencyOf(
  shop: Shop,
  about: { readonly hasPrices: boolean },
  trafficClass: TrafficClass,
): Promise<JsonObject> {
  if (!about.hasPrices) return {};
  const currency = shop.config.currency ?? (await askCurrency(shop, trafficClass));
  if (currency !== null) return { currency };
  shop.context.log.warn({}, 'The shop does not tell its currency; set currency in the settings of the connection.');
  return {};
}

/** `GET /data/currencies/current`. `null`: refused, or the shop has no such address. */
export async function askCurrency(shop: Shop, trafficClass: TrafficClass): Promise<string | null> {
  try {
    const { body } = await call(shop, { path: '/data/currencies/current', query: { _fields: 'code' }, trafficClass });
    return isObject(body) && typeof body.code === 'string' && body.code !== '' ? body.code : null;
  } catch (error) {
    const isNo =
      error instanceof TributaryError &&
      (error.code === 'ERR_CONNECTOR_CREDENTIALS' || error.code === 'ERR_CONNECTOR_PROTOCOL');
    if (isNo) return null;
    throw error;
  }
}
