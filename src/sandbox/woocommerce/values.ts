/** Reading loosely typed JSON, and writing it the way PHP does. */
import type { Json, JsonObject } from '../../connector/contract.ts';

export const textOf = (value: Json | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';

export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

export const objectOf = (value: Json | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};

export const objectsOf = (value: Json | undefined): JsonObject[] => listOf(value).map((one) => ({ ...objectOf(one) }));

export function numberOf(value: Json | undefined): number {
  const number = typeof value === 'number' ? value : Number(textOf(value));
  return Number.isFinite(number) ? number : 0;
}

/** Whole cents of a price text; empty counts as nothing. */
export const centsOf = (value: Json | undefined): number => Math.round(numberOf(value) * 100);

export const moneyOf = (cents: number): string => (cents / 100).toFixed(2);

/** JSON as PHP writes it: `\/` and `\uXXXX`. Signatures of deliveries are made over these bytes. */
export function phpJson(value: Json): string {
  return JSON.stringify(value)
    .replaceAll('/', '\\/')
    .replace(/[\u0080-\uffff]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
