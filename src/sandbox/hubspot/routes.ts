/** Which address is answered by what. Old paths (/crm/v3, /crm/v4) and dated ones lead to the same. */
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { associationBatch, associationsOfOne } from './association-routes.ts';
import { batch } from './batch-routes.ts';
import { type Kind, kindNamed } from './definitions.ts';
import { invalid, notFound } from './errors.ts';
import type { Marketing } from './marketing.ts';
import { create, forget, list, merge, single } from './object-routes.ts';
import type { Portal } from './portal.ts';
import { details, owners, pipelines, properties } from './schema-routes.ts';
import { search } from './search.ts';

export type Account = {
  readonly portal: Portal;
  readonly marketing: Marketing;
  readonly betweenPages: ((stream: string) => void) | undefined;
};

const DATED = '2026-0[39]';
const OBJECTS = new RegExp(`^/crm/(?:v3/objects|objects/${DATED})/([^/]+)(/.*)?$`);
const LINKS = new RegExp(`^/crm/(?:v4/objects|objects/${DATED})/([^/]+)/(\\d+)/associations/(.+)$`);
const LINK_BATCHES = new RegExp(`^/crm/(?:v4/associations|associations/${DATED})/([^/]+)/([^/]+)/batch/(.+)$`);
const ABOUT = new RegExp(`^/crm/(?:v3/(properties|pipelines)|(properties|pipelines)/${DATED})/([^/]+)(?:/([^/]+))?$`);
const OWNERS = new RegExp(`^/crm/(?:v3/owners|owners/${DATED})/?$`);
const CAMPAIGNS = new RegExp(`^/marketing/(?:v3/campaigns|campaigns/${DATED})(?:/([0-9a-f-]{36}))?/?$`);
const FORMS = new RegExp(`^/marketing/(?:v3/forms|forms/${DATED})/?$`);
const SUBMISSIONS = /^\/form-integrations\/v1\/submissions\/forms\/([0-9a-f-]{36})$/;
const DETAILS = new RegExp(`^/account-info/(?:v3|${DATED})/details$`);

/** @throws ApiError what the account refuses, or does not have */
export function routed(account: Account, request: SystemRequest): SystemAnswer {
  const { path, method } = request;
  const [, from, id, rest] = LINKS.exec(path) ?? [];
  if (from && id && rest) return links(account, [kindOf(from), id], rest, request);
  const [, one, other, action] = LINK_BATCHES.exec(path) ?? [];
  if (one && other && action && method === 'POST')
    return associationBatch(account.portal, [kindOf(one), kindOf(other)], action, request);
  const [, name, below = ''] = OBJECTS.exec(path) ?? [];
  if (name) return objects(account, kindOf(name), below, request);
  const [, old, dated, type, property = null] = ABOUT.exec(path) ?? [];
  if (type && method === 'GET')
    return (old ?? dated) === 'pipelines' ? pipelines(kindOf(type)) : properties(kindOf(type), property);
  if (OWNERS.test(path)) return owners();
  if (DETAILS.test(path)) return details();
  return marketing(account, request);
}

function objects({ portal, betweenPages }: Account, kind: Kind, below: string, request: SystemRequest): SystemAnswer {
  const { method } = request;
  const [, first = '', second = ''] = below.split('/').map(decodeURIComponent);
  if (first === '') {
    if (method === 'POST') return create(portal, kind, request);
    const given = list(portal, kind, request);
    betweenPages?.(kind);
    return given;
  }
  if (method === 'POST' && first === 'search') {
    const given = search(portal, kind, request);
    betweenPages?.(kind);
    return given;
  }
  if (method === 'POST' && first === 'batch') return batch(portal, kind, second, request);
  if (method === 'POST' && first === 'merge') return merge(portal, kind, request);
  if (method === 'POST' && first === 'gdpr-delete' && kind === 'contacts') return forget(portal, request);
  if (['GET', 'PATCH', 'DELETE'].includes(method)) return single(portal, kind, first, request);
  throw notFound();
}

/** `{to}`, `{to}/{id}` and `default/{to}/{id}` */
function links({ portal }: Account, from: readonly [Kind, string], rest: string, request: SystemRequest): SystemAnswer {
  const parts = rest.split('/');
  const isDefault = parts[0] === 'default';
  const [to = '', id = null] = isDefault ? parts.slice(1) : parts;
  return associationsOfOne(portal, from, kindOf(to), { id, isDefault }, request);
}

function marketing({ marketing: of, betweenPages }: Account, request: SystemRequest): SystemAnswer {
  const { path } = request;
  const ofCampaigns = CAMPAIGNS.exec(path);
  if (ofCampaigns) {
    const given = of.campaignRoute(request, ofCampaigns[1] ?? null);
    betweenPages?.('campaigns');
    return given;
  }
  if (FORMS.test(path)) return of.formsRoute(request);
  const [, form] = SUBMISSIONS.exec(path) ?? [];
  if (!form) throw notFound();
  const given = of.submissionsRoute(request, form);
  betweenPages?.('form_submissions');
  return given;
}

function kindOf(name: string): Kind {
  const kind = kindNamed(name);
  if (kind === null) throw invalid(`Unable to infer object type from: ${name}`);
  return kind;
}
