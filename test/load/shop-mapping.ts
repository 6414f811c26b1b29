/** The mappings of the generated worlds, and what they mean, written a second time in plain code. */

export const MAPPINGS = {
  products: `about: products of a generated world
record:
  key: id
  deleted: gone = true
  skip:
    - when: skip = true
      reason: not for sale
outputs:
  product:
    match: sku
    fields:
      sku: sku
      name: name | required
      brand: brand
      kind: kind
      price: price | decimal
      tags: tags
  variant:
    when: sku is not empty
    match: sku
    fields:
      product: {output: product}
      sku: sku
      title: title
      price: price | decimal
  stock:
    each: levels
    when: $.sku is not empty
    key: at
    fields:
      variant: {output: variant}
      location: at
      quantity: on_hand | integer | required
      as_of: as_of | timestamp("UTC")
`,
  stock: `about: figures of a generated world
record:
  key: id
outputs:
  stock:
    fields:
      variant: {match: sku, from: sku | required}
      location: at
      quantity: on_hand | integer | required
      as_of: as_of | timestamp("UTC")
`,
};

export type Body = {
  readonly id: string;
  readonly sku?: string | null;
  readonly name?: string | null;
  readonly brand?: string | null;
  readonly kind?: string | null;
  readonly price?: string | null;
  readonly tags?: readonly string[];
  readonly title?: string | null;
  readonly levels?: readonly { readonly at: string; readonly on_hand: number; readonly as_of?: string }[];
  readonly skip?: boolean;
  readonly gone?: boolean;
  readonly at?: string;
  readonly on_hand?: number | null;
  readonly as_of?: string;
};

export type Opinion = string | readonly string[] | null | undefined;
export type Said =
  | {
      readonly kind: 'mapped';
      readonly entities: readonly {
        readonly key: 'product' | 'variant';
        readonly entity: 'product' | 'variant';
        readonly sku: string | null;
        readonly values: Readonly<Record<string, Opinion>>;
      }[];
      /** `sku` null: the variant of the same record. */
      readonly stock: readonly {
        readonly sku: string | null;
        readonly location: string;
        readonly quantity: number;
        readonly asOf: number | null;
      }[];
    }
  | { readonly kind: 'filtered' | 'deleted' | 'rejected' };
export type Interpretation = Said;

/** What a record says. Fields that one of a complete stream lacks are empty; a patch says nothing of them. */
export function interpret(says: 'products' | 'stock', body: Body, mode?: 'patch'): Said {
  return says === 'stock' ? interpretStock(body) : interpretProduct(body, mode === 'patch' ? undefined : null);
}

function interpretProduct(body: Body, absent: null | undefined): Said {
  if (body.skip === true) return { kind: 'filtered' };
  if (body.gone === true) return { kind: 'deleted' };
  if (!body.name) return { kind: 'rejected' };
  const sku = body.sku ? body.sku : null;
  const key = sku === null ? null : sku.toLowerCase();
  const said = <Value>(value: Value | undefined, empty: (value: Value) => Value | null) =>
    value === undefined ? absent : empty(value);
  const shared = { sku: said(body.sku, (one) => one || null), price: said(body.price, (one) => one) };
  const product = {
    ...shared,
    name: body.name,
    brand: said(body.brand, text),
    kind: said(body.kind, text),
    tags: said(body.tags, (one) => one),
  };
  const variant = { product: 'product', ...shared, title: said(body.title, text) };
  return {
    kind: 'mapped',
    entities: [
      { key: 'product', entity: 'product', sku: key, values: product },
      ...(key === null ? [] : [{ key: 'variant' as const, entity: 'variant' as const, sku: key, values: variant }]),
    ],
    stock:
      key === null
        ? []
        : (body.levels ?? []).map((one) => ({
            sku: null,
            location: one.at,
            quantity: one.on_hand,
            asOf: time(one.as_of),
          })),
  };
}

function interpretStock(body: Body): Said {
  if (!body.sku || typeof body.on_hand !== 'number') return { kind: 'rejected' };
  return {
    kind: 'mapped',
    entities: [],
    stock: [
      { sku: body.sku.toLowerCase(), location: body.at ?? 'default', quantity: body.on_hand, asOf: time(body.as_of) },
    ],
  };
}

const text = (value: string | null | undefined): string | null => value || null;
const time = (value: string | undefined): number | null => (value === undefined ? null : Date.parse(value));
