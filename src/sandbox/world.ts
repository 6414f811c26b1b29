/**
 * The made-up outdoor shop that all vendor systems of the sandbox are about: the same products in the shops and the feed, its
 * buyers as customers there and as leads in the CRMs. Seeded: always the same.
 */

export type WorldVariant = {
  readonly sku: string;
  /** Option name to value; empty for a product with one form. */
  readonly options: Readonly<Record<string, string>>;
  readonly price: string;
  readonly gtin: string;
  /** Units by place: `main`, `outlet` are the feed's warehouses, `berlin`, `hamburg` Shopify's, `web` WooCommerce's. */
  readonly stock: Readonly<Record<string, number>>;
};

export type WorldProduct = {
  readonly sku: string;
  readonly handle: string;
  readonly name: string;
  readonly description: string;
  readonly brand: string;
  /** `Camping > Tents` */
  readonly category: string;
  readonly weightGrams: number;
  readonly currency: 'EUR';
  readonly variants: readonly WorldVariant[];
};

export type WorldPerson = {
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly phone: string;
  readonly company: string;
  readonly website: string;
  readonly industry: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode: string;
  readonly country: 'DE';
};

export type WorldOrder = {
  readonly number: number;
  readonly buyer: WorldPerson;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly placedAt: Date;
};

export type WorldCampaign = {
  readonly name: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly budget: string;
};

export type World = {
  /** When everything in it was last changed. */
  readonly at: Date;
  readonly products: readonly WorldProduct[];
  readonly people: readonly WorldPerson[];
  readonly orders: readonly WorldOrder[];
  readonly campaigns: readonly WorldCampaign[];
};

const KINDS = [
  ['Tent', 'Camping > Tents', 'TEN'],
  ['Backpack', 'Hiking > Backpacks', 'BAC'],
  ['Stove', 'Camping > Cooking', 'STO'],
  ['Rope', 'Climbing > Ropes', 'ROP'],
  ['Lamp', 'Camping > Light', 'LAM'],
] as const;
const BRANDS = ['Fernweh', 'Kestrel', 'Nordhang'] as const;
const SIZES = ['S', 'M', 'L'] as const;
const FIRST_NAMES = ['Anna', 'Jonas', 'Mira', 'Paul', 'Lea', 'Emil', 'Nora', 'Felix'] as const;
const LAST_NAMES = ['Berger', 'Öztürk', 'Lindqvist', "O'Neil", 'Novák'] as const;
const CITIES = ['Berlin', 'Hamburg', 'Köln', 'Leipzig'] as const;
const INDUSTRIES = ['Travel', 'Retail', 'Education'] as const;
const PER_KIND = 8;
const JACKETS = 4;
const PEOPLE = 24;
const ORDERS = 30;

/** @param at when it was last changed; the same for all systems */
export function makeWorld(at: Date = new Date('2026-11-20T08:00:00Z')): World {
  const products = [...simpleProducts(), ...jackets()];
  const people = Array.from({ length: PEOPLE }, (_, index) => person(index));
  return { at, products, people, orders: ordersOf(products, people, at), campaigns: campaignsOf(at) };
}

/** Each with one form; these are in the feed as well. */
function simpleProducts(): WorldProduct[] {
  return KINDS.flatMap(([name, category, code], kind) =>
    Array.from({ length: PER_KIND }, (_, index) => {
      const brand = BRANDS[(kind + index) % BRANDS.length] ?? BRANDS[0];
      const sku = `${code}-${String(index + 1).padStart(3, '0')}`;
      const title = `${brand} ${name} ${index + 1}`;
      const stock = { main: (kind * 13 + index * 5) % 40, berlin: 5 + ((kind * 7 + index * 3) % 20), web: 8 + index };
      return {
        ...{ sku, handle: handleOf(title), name: title, brand, category, currency: 'EUR' as const },
        description: `A ${title.toLowerCase()} for people who go outside.`,
        weightGrams: 400 + kind * 350 + index * 40,
        variants: [
          { sku, options: {}, price: `${19 + kind * 30 + index * 7}.90`, gtin: gtin(kind * 100 + index), stock },
        ],
      };
    }),
  );
}

/** In three sizes; in the shops only. */
function jackets(): WorldProduct[] {
  return Array.from({ length: JACKETS }, (_, index) => {
    const brand = BRANDS[index % BRANDS.length] ?? BRANDS[0];
    const sku = `JAC-${String(index + 1).padStart(3, '0')}`;
    const title = `${brand} Jacket ${index + 1}`;
    return {
      ...{ sku, handle: handleOf(title), name: title, brand, category: 'Clothing > Jackets', currency: 'EUR' as const },
      description: `A ${title.toLowerCase()} that keeps the rain out.`,
      weightGrams: 620 + index * 30,
      variants: SIZES.map((size, place) => ({
        sku: `${sku}-${size}`,
        options: { Size: size },
        price: `${129 + index * 20}.00`,
        gtin: gtin(900 + index * 10 + place),
        stock: { berlin: 3 + index + place, hamburg: 2 + place, web: 6 + index },
      })),
    };
  });
}

const handleOf = (title: string): string => title.toLowerCase().replaceAll(' ', '-');

/** Thirteen digits with a right check digit. */
function gtin(number: number): string {
  const digits = `400000${String(number).padStart(6, '0')}`;
  const sum = [...digits].reduce((total, digit, index) => total + Number(digit) * (index % 2 === 0 ? 1 : 3), 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

function person(index: number): WorldPerson {
  const firstName = FIRST_NAMES[index % FIRST_NAMES.length] ?? FIRST_NAMES[0];
  const lastName = LAST_NAMES[index % LAST_NAMES.length] ?? LAST_NAMES[0];
  const plain = lastName
    .normalize('NFD')
    .replace(/[^A-Za-z]/g, '')
    .toLowerCase();
  const company = `${lastName} ${['Reisen', 'Outdoor', 'Schule'][index % 3]}`;
  return {
    ...{ firstName, lastName, company, country: 'DE' as const },
    email: `${firstName.toLowerCase()}.${plain}${index}@example.com`,
    phone: `+4930${String(5550000 + index)}`,
    website: `https://${plain}${index}.example.com`,
    industry: INDUSTRIES[index % INDUSTRIES.length] ?? INDUSTRIES[0],
    street: `Waldweg ${index + 1}`,
    city: CITIES[index % CITIES.length] ?? CITIES[0],
    postalCode: String(10115 + index * 11),
  };
}

function ordersOf(products: readonly WorldProduct[], people: readonly WorldPerson[], at: Date): WorldOrder[] {
  const variants = products.flatMap((product) => product.variants);
  return Array.from({ length: ORDERS }, (_, index) => {
    const buyer = people[(index * 5) % people.length];
    const lines = Array.from({ length: 1 + (index % 3) }, (_line, place) => ({
      sku: variants[(index * 7 + place * 11) % variants.length]?.sku ?? '',
      quantity: 1 + ((index + place) % 2),
    }));
    if (!buyer) throw new RangeError('a world without people');
    return { number: 1001 + index, buyer, lines, placedAt: new Date(at.getTime() - (ORDERS - index) * 3_600_000) };
  });
}

function campaignsOf(at: Date): WorldCampaign[] {
  const day = 86_400_000;
  return ['Autumn sale', 'Tent week', 'Winter newsletter'].map((name, index) => ({
    name,
    startsAt: new Date(at.getTime() - (20 - index * 15) * day),
    endsAt: new Date(at.getTime() + index * 10 * day),
    budget: `${500 + index * 250}.00`,
  }));
}
