/** Weights in grams. Factors are exact. */
import { multiplyDecimals, trimZeros } from './decimal.ts';

const GRAMS: Readonly<Record<string, string>> = {
  mg: '0.001',
  g: '1',
  gr: '1',
  gram: '1',
  grams: '1',
  kg: '1000',
  kgs: '1000',
  kilogram: '1000',
  kilograms: '1000',
  t: '1000000',
  oz: '28.349523125',
  ounce: '28.349523125',
  ounces: '28.349523125',
  lb: '453.59237',
  lbs: '453.59237',
  pound: '453.59237',
  pounds: '453.59237',
};

/** Names of units that can be converted. */
export const WEIGHT_UNITS: readonly string[] = Object.keys(GRAMS);

/** `weight` in `unit` as grams, or `null` for an unknown unit. */
export function toGrams(weight: string, unit: string): string | null {
  const name = unit.trim().toLowerCase();
  const factor = Object.hasOwn(GRAMS, name) ? GRAMS[name] : undefined;
  if (factor === undefined) return null;
  return factor === '1' ? weight : trimZeros(multiplyDecimals(weight, factor));
}
