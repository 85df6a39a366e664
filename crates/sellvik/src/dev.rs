//! `serve --dev`: a shop to play with, and what to try next.

use std::net::SocketAddr;

use sellvik_actions::{ActionError, Actions, NewKey, Platform};
use sellvik_domain::{Name, ShopId};
use serde_json::json;

const SUBDOMAIN: &str = "dev";
const KEY_NAME: &str = "serve --dev";

/// The dev shop and this start's key to it.
pub(crate) struct Shop {
    id: ShopId,
    key: NewKey,
}

impl Shop {
    /// Finds or makes the dev shop, ends the key of the start before, and mints a new one.
    pub(crate) async fn open(actions: &Actions, platform_key: &str) -> Result<Self, ActionError> {
        let platform = actions.platform(platform_key)?;
        let body = json!({"subdomain": SUBDOMAIN, "name": "Dev shop", "dev": true});
        let id = match actions.shop_create(platform, body.to_string().as_bytes()).await {
            Ok(shop) => shop.id,
            Err(ActionError::DuplicateSubdomain) => find(actions, platform).await?,
            Err(error) => return Err(error),
        };
        let keyring = actions.keyring(platform, &id.to_string()).await?;
        let mut query = String::new();
        loop {
            let page = actions.key_list(keyring, &query).await?;
            for key in page.items.iter().filter(|key| key.name.as_ref().map(Name::as_str) == Some(KEY_NAME)) {
                actions.key_revoke(keyring, &key.id.to_string()).await?;
            }
            let Some(next) = page.next_cursor else { break };
            query = format!("cursor={next}");
        }
        let body = json!({"name": KEY_NAME, "scopes": ["webhooks:read", "webhooks:write"]});
        let key = actions.key_create(keyring, body.to_string().as_bytes()).await?;
        Ok(Self { id, key })
    }

    pub(crate) fn id(&self) -> ShopId {
        self.id
    }

    /// Lines that work when they are pasted, once or twice.
    pub(crate) async fn welcome(
        &self,
        actions: &Actions,
        address: SocketAddr,
        public_url: &str,
        platform_key: &str,
    ) -> Result<String, ActionError> {
        let (shop, key) = (self.id, &self.key.plaintext);
        let keyring = actions.keyring(actions.platform(platform_key)?, &shop.to_string()).await?;
        let link =
            actions.panel_link_create(keyring, br#"{"capabilities": ["read", "write", "keys"]}"#).await?;
        let panel = link.url(public_url);
        Ok(format!(
            r#"Sellvik Webhooks is listening on http://{address}   (API docs: http://{address}/docs)

Paste these into another terminal:

  export SELLVIK=http://{address}
  export SELLVIK_ADMIN_KEY={key}
  export SELLVIK_DEV_PLATFORM_KEY={platform_key}

1. Register a webhook; the built-in receiver is the endpoint:

  curl -s $SELLVIK/api/v1/admin/webhooks -H "Authorization: Bearer $SELLVIK_ADMIN_KEY" \
    -H 'Content-Type: application/json' \
    -d "{{\"name\": \"First\", \"url\": \"$SELLVIK/dev/receiver?try=$RANDOM$RANDOM\", \"events\": [\"order.cancelled\"]}}"

2. Publish an event, as the platform would:

  curl -s $SELLVIK/api/v1/platform/events -H "Authorization: Bearer $SELLVIK_DEV_PLATFORM_KEY" \
    -H 'Content-Type: application/json' \
    -d '{{"shop": "{shop}", "type": "order.cancelled", "data": {{"order": {{"id": "ord_1001"}}}}}}'

3. See what the receiver got, and what the newest webhook's deliveries say:

  curl -s $SELLVIK/dev/receiver

  WEBHOOK=$(curl -s "$SELLVIK/api/v1/admin/webhooks?limit=1" -H "Authorization: Bearer $SELLVIK_ADMIN_KEY" | grep -o 'wh_[0-9a-f]*')
  curl -s $SELLVIK/api/v1/admin/webhooks/$WEBHOOK/deliveries -H "Authorization: Bearer $SELLVIK_ADMIN_KEY"

Or by hand, in the panel; this opens it once, within five minutes:

  {panel}

and this makes another such link:

  curl -s $SELLVIK/api/v1/platform/shops/{shop}/panel-links -H "Authorization: Bearer $SELLVIK_DEV_PLATFORM_KEY" \
    -H 'Content-Type: application/json' -d '{{"capabilities": ["read", "write", "keys"]}}'
"#
        ))
    }
}

async fn find(actions: &Actions, platform: Platform) -> Result<ShopId, ActionError> {
    let mut query = "limit=100".to_owned();
    loop {
        let page = actions.shop_list(platform, &query).await?;
        if let Some(shop) = page.items.iter().find(|shop| shop.subdomain.as_str() == SUBDOMAIN) {
            return Ok(shop.id);
        }
        query = format!("limit=100&cursor={}", page.next_cursor.ok_or(ActionError::NotFound)?);
    }
}
