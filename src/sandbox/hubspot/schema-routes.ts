/** What an account says about itself: properties, owners, pipelines, details. */
import type { JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer } from '../server.ts';
import { DEAL_STAGES, FACTS, type Kind, propertyOf } from './definitions.ts';
import { notFound } from './errors.ts';

export const PORTAL_ID = 145_820_311;
const CREATED_AT = '2026-01-05T09:00:00.000Z';

export const details = (): SystemAnswer => ({
  status: 200,
  body: {
    ...{ portalId: PORTAL_ID, accountType: 'STANDARD', timeZone: 'Europe/Berlin', companyCurrency: 'EUR' },
    ...{ additionalCurrencies: [], utcOffset: '+01:00', utcOffsetMilliseconds: 3_600_000 },
    ...{ uiDomain: 'app-eu1.hubspot.com', dataHostingLocation: 'eu1' },
  },
});

export function properties(kind: Kind, name: string | null): SystemAnswer {
  if (name === null)
    return { status: 200, body: { results: FACTS[kind].properties.map((one) => shown(kind, one.name)) } };
  if (!propertyOf(kind, name)) throw notFound();
  return { status: 200, body: shown(kind, name) };
}

function shown(kind: Kind, name: string): JsonObject {
  const { type, options = [], isReadOnly = false, isUnique = false } = propertyOf(kind, name) ?? { type: 'string' };
  return {
    ...{ name, type, label: name, description: '', groupName: `${FACTS[kind].singular}information` },
    fieldType: type === 'enumeration' ? 'select' : type === 'string' ? 'text' : type,
    options: options.map((value, at) => ({ label: value, value, displayOrder: at, hidden: false })),
    ...{ hasUniqueValue: isUnique, calculated: false, hidden: false, archived: false, hubspotDefined: true },
    ...{ formField: !isReadOnly, displayOrder: -1, externalOptions: false },
    modificationMetadata: { archivable: false, readOnlyDefinition: true, readOnlyValue: isReadOnly },
    ...{ createdAt: CREATED_AT, updatedAt: CREATED_AT },
  };
}

export const owners = (): SystemAnswer => ({
  status: 200,
  body: {
    results: [
      {
        ...{ id: '70110', type: 'PERSON', email: 'sales@outdoor.example', firstName: 'Ines', lastName: 'Vogel' },
        ...{ userId: 7011, archived: false, createdAt: CREATED_AT, updatedAt: CREATED_AT, teams: [] },
      },
    ],
  },
});

export function pipelines(kind: Kind): SystemAnswer {
  const stages = DEAL_STAGES.map((id, displayOrder) => ({
    ...{ id, label: id, displayOrder, archived: false, createdAt: CREATED_AT, updatedAt: CREATED_AT },
    metadata: { isClosed: String(id.startsWith('closed')), probability: id === 'closedwon' ? '1.0' : '0.2' },
  }));
  const results = [
    {
      id: 'default',
      label: 'Sales',
      displayOrder: 0,
      archived: false,
      stages,
      createdAt: CREATED_AT,
      updatedAt: CREATED_AT,
    },
  ];
  return { status: 200, body: { results: kind === 'deals' ? results : [] } };
}
