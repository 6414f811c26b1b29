/** Currencies and how many digits their minor unit has. */

// ISO 4217 as Intl knows it; two digits are the rule, these the exceptions in use.
const MINOR_DIGITS: Readonly<Record<string, number>> = {
  BHD: 3,
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  IQD: 3,
  ISK: 0,
  JOD: 3,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  PYG: 0,
  RWF: 0,
  TND: 3,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
};

const SYMBOLS: Readonly<Record<string, string>> = {
  '€': 'EUR',
  '£': 'GBP',
  US$: 'USD',
  '₹': 'INR',
  '₩': 'KRW',
  '₽': 'RUB',
  '₺': 'TRY',
  zł: 'PLN',
  Kč: 'CZK',
};

const CODES = new Set(Intl.supportedValuesOf('currency'));

/** The ISO 4217 code that `text` names (`eur`, `€`), or `null`. `$` and `kr` name several and therefore none. */
export function currencyCode(text: string): string | null {
  if (CODES.has(text)) return text;
  const trimmed = text.trim();
  const symbol = Object.hasOwn(SYMBOLS, trimmed) ? SYMBOLS[trimmed] : undefined;
  if (symbol !== undefined) return symbol;
  const code = trimmed.toUpperCase();
  return CODES.has(code) ? code : null;
}

/** Digits behind the point of an amount in that currency. */
export function minorDigits(currency: string): number {
  return (Object.hasOwn(MINOR_DIGITS, currency) ? MINOR_DIGITS[currency] : undefined) ?? 2;
}
