/** The canonical fields that an output of a mapping may fill. */
import { ENTITIES, type EntityName, type Field, STOCK_FIELDS } from '../canonical/entities.ts';

export function fieldsOf(entity: EntityName | 'stock'): Readonly<Record<string, Field>> {
  return entity === 'stock' ? STOCK_FIELDS : ENTITIES[entity].fields;
}
