/** Webhooks as records: which topics there are, and what is checked of a new one. */
import type { JsonObject } from '../../connector/contract.ts';
import { shopError } from './answers.ts';
import type { Written } from './goods.ts';
import type { Shop } from './shop.ts';
import { textOf } from './values.ts';

const HOOKS: Readonly<Record<string, readonly string[]>> = {
  'product.created': [
    'woocommerce_process_product_meta',
    'woocommerce_new_product',
    'woocommerce_new_product_variation',
  ],
  'product.updated': [
    'woocommerce_process_product_meta',
    'woocommerce_update_product',
    'woocommerce_update_product_variation',
  ],
  'product.deleted': ['wp_trash_post'],
  'product.restored': ['untrashed_post'],
  'order.created': ['woocommerce_new_order'],
  'order.updated': ['woocommerce_update_order', 'woocommerce_order_refunded'],
  'order.deleted': ['wp_trash_post', 'woocommerce_trash_order'],
  'order.restored': ['untrashed_post', 'woocommerce_untrash_order'],
  'customer.created': ['user_register', 'woocommerce_created_customer', 'woocommerce_new_customer'],
  'customer.updated': ['profile_update', 'woocommerce_update_customer'],
  'customer.deleted': ['delete_user'],
  'coupon.created': ['woocommerce_process_shop_coupon_meta', 'woocommerce_new_coupon'],
  'coupon.updated': ['woocommerce_process_shop_coupon_meta', 'woocommerce_update_coupon'],
  'coupon.deleted': ['wp_trash_post'],
  'coupon.restored': ['untrashed_post'],
};

export function hookOf(shop: Shop, body: JsonObject, id: string | null): Written {
  const before: JsonObject = id === null ? {} : (shop.table('webhooks').latest(id) ?? {});
  const topic = textOf(body.topic) || textOf(before.topic);
  const hooks = HOOKS[topic];
  if (!hooks) {
    const message = 'Webhook topic is required and must be valid.';
    return { refused: shopError(400, 'woocommerce_rest_shop_webhook_invalid_topic', message) };
  }
  const url = textOf(body.delivery_url) || textOf(before.delivery_url);
  if (!/^https?:\/\//.test(url)) {
    const message = 'Webhook delivery URL must be a valid URL starting with http:// or https://.';
    return { refused: shopError(400, 'woocommerce_rest_shop_webhook_invalid_delivery_url', message) };
  }
  const [resource = '', event = ''] = topic.split('.');
  return {
    values: {
      name: textOf(body.name) || textOf(before.name) || `Webhook created on ${new Date(shop.now()).toISOString()}`,
      status: textOf(body.status) || textOf(before.status) || 'active',
      ...{ topic, resource, event, hooks: [...hooks], delivery_url: url },
      secret: textOf(body.secret) || textOf(before.secret),
      failure_count: body.status === 'active' ? 0 : (before.failure_count ?? 0),
      is_ping_due: before.is_ping_due ?? true,
      is_modified: id !== null,
    },
  };
}
