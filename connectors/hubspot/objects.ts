/** CRM objects that are streams, and what differs between them. */

export type ObjectStream = 'contacts' | 'companies' | 'deals' | 'products' | 'line_items';

type ObjectFacts = {
  /** The property that every change moves. On contacts the other one is there and empty. */
  readonly modified: 'lastmodifieddate' | 'hs_lastmodifieddate';
  /** Kinds of objects it is linked to, that its records name. */
  readonly links: readonly ('contacts' | 'companies' | 'deals' | 'line_items')[];
};

export const OBJECTS: Readonly<Record<ObjectStream, ObjectFacts>> = {
  contacts: { modified: 'lastmodifieddate', links: ['companies', 'deals'] },
  companies: { modified: 'hs_lastmodifieddate', links: ['contacts'] },
  deals: { modified: 'hs_lastmodifieddate', links: ['contacts', 'companies', 'line_items'] },
  products: { modified: 'hs_lastmodifieddate', links: [] },
  line_items: { modified: 'hs_lastmodifieddate', links: ['deals'] },
};

export const isObjectStream = (stream: string): stream is ObjectStream => Object.hasOwn(OBJECTS, stream);

/** Objects of a list, of a batch, at most. */
export const MOST_LISTED = 100;
