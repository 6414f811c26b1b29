/** What works and what does not, in words. */
import type { CheckFinding, Clock } from '../../src/connector/index.ts';
import { pick, type Shop } from './client.ts';
import type { ShopifyConfig } from './config.ts';
import { handlesOf, READ_SCOPES, WRITE_SCOPES } from './scopes.ts';

export const CHECK = `query TributaryCheck {
  shop { id name myshopifyDomain }
  currentAppInstallation { accessScopes { handle } }
}`;

/** Shopify's clock and ours may differ by so much before somebody should look at it. */
const CLOCKS_APART_MS = 120_000;

export async function check(settings: ShopifyConfig, shop: Shop, clock: Clock): Promise<readonly CheckFinding[]> {
  const { data, servedVersion, vendorTime } = await shop.call({ query: CHECK, cost: 10, trafficClass: 'poll' });
  const scopes = handlesOf(pick(pick(data, 'currentAppInstallation'), 'accessScopes'));
  const may = (scope: string) => scopes.has(scope) || scopes.has(scope.replace('read_', 'write_'));
  const name = String(pick(pick(data, 'shop'), 'name') ?? settings.shop);
  const writes = Object.entries(WRITE_SCOPES).flatMap(([stream, scope]) => (scopes.has(scope) ? [stream] : []));
  const apartMs = vendorTime === null ? 0 : Math.abs(vendorTime.getTime() - clock.now().getTime());
  return [
    { subject: 'reach', ok: true, message: `The shop ${name} answers.` },
    { subject: 'credentials', ok: true, message: 'The access token is accepted.' },
    ...Object.entries(READ_SCOPES).flatMap(([stream, needed]) => {
      const missing = needed.filter((scope) => !may(scope));
      return missing.length === 0 ? [] : [lacks(stream, missing.join(', '))];
    }),
    ...(may('read_orders') && !scopes.has('read_all_orders') ? [ONLY_RECENT_ORDERS] : []),
    ...(writes.length === 0
      ? []
      : [{ subject: 'scope', ok: true, message: `The app may write: ${writes.join(', ')}.` }]),
    ...(servedVersion === null || servedVersion === settings.apiVersion
      ? []
      : [movedOn(settings.apiVersion, servedVersion)]),
    ...(apartMs > CLOCKS_APART_MS ? [clocksApart(apartMs)] : []),
  ];
}

const ONLY_RECENT_ORDERS: CheckFinding = {
  subject: 'stream:orders',
  ok: true,
  message: 'The app sees orders of the last 60 days only; older ones need the scope read_all_orders.',
};

function lacks(stream: string, scopes: string): CheckFinding {
  return {
    subject: `stream:${stream}`,
    ok: false,
    message: `The app lacks the scope ${scopes}.`,
    remedy: `Add ${scopes} to the app and install it again, or leave the stream out.`,
  };
}

// Shopify answers a version it no longer serves with the oldest one it does, and says so only in a header.
function movedOn(asked: string, served: string): CheckFinding {
  return {
    subject: 'version',
    ok: false,
    message: `API ${asked} was asked for and ${served} answered.`,
    remedy: `Set apiVersion to a version that is served.`,
  };
}

function clocksApart(ms: number): CheckFinding {
  return {
    subject: 'clock',
    ok: false,
    message: `Shopify's clock and that of this machine are ${Math.round(ms / 1000)} seconds apart.`,
    remedy: 'Let this machine set its clock by the network (NTP).',
  };
}
