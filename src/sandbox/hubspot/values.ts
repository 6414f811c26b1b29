/** What HubSpot checks of properties before it writes them. */
import type { Json } from '../../connector/contract.ts';
import { type Kind, propertyOf } from './definitions.ts';
import { ApiError, invalid } from './errors.ts';
import { type Entry, type Portal, propertyText } from './portal.ts';
import { asObject } from './shapes.ts';

type Complaint = { readonly isValid: false; readonly message: string; readonly error: string; readonly name: string };

/**
 * The properties to write, as texts.
 * @throws ApiError 400 with every property that is wrong, 409 when somebody else has the same unique value
 */
export function checked(
  portal: Portal,
  kind: Kind,
  given: Json | undefined,
  id: string | null,
): Record<string, string> {
  const properties = asObject(given);
  const wrong = Object.entries(properties).flatMap(([name, value]) => complaint(kind, name, value) ?? []);
  if (wrong.length > 0) {
    const errors = wrong.map(({ message, error, name }) => ({
      message,
      code: error,
      context: { propertyName: [name] },
    }));
    throw invalid(`Property values were not valid: ${JSON.stringify(wrong)}`, { errors });
  }
  const texts = Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, textOf(name, value)]));
  for (const [name, value] of Object.entries(texts)) {
    if (value === '' || propertyOf(kind, name)?.isUnique !== true) continue;
    const other = holderOf(portal, kind, name, value);
    if (other !== null && other.id !== id)
      throw name === 'email'
        ? new ApiError(409, 'CONFLICT', `Contact already exists. Existing ID: ${other.id}`)
        : invalid(`A ${kind} with ${name} already exists. Existing ID: ${other.id}`, {
            errors: [
              { message: `${name} is unique`, code: 'CONFLICTING_UNIQUE_VALUE', context: { propertyName: [name] } },
            ],
          });
  }
  return texts;
}

/** Who has this value of a unique property. */
export function holderOf(portal: Portal, kind: Kind, name: string, value: string): Entry | null {
  const wanted = textOf(name, value);
  return portal.all(kind).find((entry) => propertyText(kind, entry, name) === wanted) ?? null;
}

// Addresses are kept in small letters without space around them.
function textOf(name: string, value: Json): string {
  if (value === null) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return name === 'email' ? text.trim().toLowerCase() : text;
}

function complaint(kind: Kind, name: string, value: Json): Complaint | null {
  const property = propertyOf(kind, name);
  const say = (error: string, message: string): Complaint => ({ isValid: false, message, error, name });
  if (!property) return say('PROPERTY_DOESNT_EXIST', `Property "${name}" does not exist`);
  if (property.isReadOnly) return say('READ_ONLY_VALUE', `"${name}" is a read only property; its value cannot be set.`);
  const text = textOf(name, value);
  if (text === '') return null;
  if (name === 'email' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text))
    return say('INVALID_EMAIL', 'Email address is invalid');
  if (property.options && !property.options.includes(text))
    return say('INVALID_OPTION', `"${text}" was not one of the allowed options: [${property.options.join(', ')}]`);
  if (property.type === 'number' && !/^-?\d+(\.\d+)?$/.test(text))
    return say('INVALID_INTEGER', `"${text}" was not a valid number.`);
  if (property.type === 'datetime' && Number.isNaN(timeOf(text)))
    return say('INVALID_DATE', `"${text}" was not a valid long.`);
  return text.length > 65_536 ? say('PROPERTY_TOO_LONG', `"${name}" is too long.`) : null;
}

/** Epoch milliseconds or ISO 8601. */
export const timeOf = (text: string): number => (/^-?\d+$/.test(text) ? Number(text) : Date.parse(text));
