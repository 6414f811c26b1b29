import { ENTITIES, type EntityName, type Field } from '../canonical/entities.ts';

/** Table of an entity (`order` is a word of SQL). */
export const tableOf = (entity: string): string => (entity === 'order' ? 'orders' : entity);

/** Column of a field. */
export const columnOf = (name: string, field: Field): string => (field.type === 'reference' ? `${name}_id` : name);

/** Fields an entity can be found by. */
export const matchFields = (entity: EntityName): string[] =>
  Object.entries(ENTITIES[entity].fields).flatMap(([name, field]) => (field.match ? [name] : []));
