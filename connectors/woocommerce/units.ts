/** What the figures of products and coupons are in: they do not say, it is a setting of the shop. */
import type { Json, JsonObject, TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { call, isObject, type Shop } from './client.ts';

export type Units = { readonly currency: string | null; readonly weightUnit: string | null };

/** Kept for as long as a connection is open. */
const known = new WeakMap<Shop, Units>();

/**
 * What stands around the records of a page: `currency` (ISO 4217) and `weight_unit` (g, kg, lb, oz) where their figures have none.
 * Without what the shop does not tell (`check` says so), for that must not keep the records from being read.
 */
export async function unitsAround(
  shop: Shop,
  about: { readonly hasUnits: boolean },
  trafficClass: TrafficClass,
): Promise<JsonObject> {
  if (!about.hasUnits) return {};
  const units = known.get(shop) ?? (await unitsOf(shop, trafficClass));
  known.set(shop, units);
  if (units.currency === null || units.weightUnit === null)
    shop.context.log.warn({}, 'The shop does not tell its units; set currency and weightUnit for the connection.');
  return {
    ...(units.currency === null ? {} : { currency: units.currency }),
    ...(units.weightUnit === null ? {} : { weight_unit: units.weightUnit }),
  };
}

/** As configured, else as the shop says: `GET /data/currencies/current`, `GET /settings/products/woocommerce_weight_unit`. */
export async function unitsOf(shop: Shop, trafficClass: TrafficClass): Promise<Units> {
  const { config } = shop;
  const currency =
    config.currency ?? (await ask(shop, '/data/currencies/current', { _fields: 'code' }, trafficClass, 'code'));
  const unit =
    config.weightUnit ?? (await ask(shop, '/settings/products/woocommerce_weight_unit', {}, trafficClass, 'value'));
  return { currency, weightUnit: unit === 'lbs' ? 'lb' : unit };
}

/** `null`: refused, or there is no such address. */
async function ask(
  shop: Shop,
  path: string,
  query: Readonly<Record<string, string>>,
  trafficClass: TrafficClass,
  field: string,
): Promise<string | null> {
  try {
    const { body } = await call(shop, { path, query, trafficClass });
    const value: Json | undefined = isObject(body) ? body[field] : undefined;
    return typeof value === 'string' && value !== '' ? value : null;
  } catch (error) {
    const isNo =
      error instanceof TributaryError &&
      (error.code === 'ERR_CONNECTOR_CREDENTIALS' || error.code === 'ERR_CONNECTOR_PROTOCOL');
    if (!isNo) throw error;
    // Only WordPress itself can say that this key may not see it. What a proxy says passes, and would leave records without units.
    const { code, message, evidence } = error;
    if (evidence['code'] !== undefined && evidence['code'] !== 'woocommerce_rest_authentication_error') return null;
    throw new TributaryError(code, `The units of the shop are not to be had. ${message}`, {
      evidence,
      remedy: `${error.remedy} Where only ${path} is closed: set currency and weightUnit of the connection.`,
    });
  }
}
