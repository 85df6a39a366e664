// Registers the ERP's webhook in one call, as the page on registering webhooks shows it.
const { SELLVIK_URL, SELLVIK_ADMIN_KEY, WEBHOOK_URL } = process.env

const answer = await fetch(`${SELLVIK_URL}/api/v1/admin/webhooks`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${SELLVIK_ADMIN_KEY}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    name: "ERP sync",
    url: WEBHOOK_URL,
    events: ["order.created", "order.fulfilled", "order.cancelled", "inventory.low_stock"],
  }),
})

if (!answer.ok) {
  console.error(await answer.text())
  process.exit(1)
}

const { id, secret } = await answer.json()
console.log(`Created webhook ${id}`)
console.log(`Secret (store now, never shown again):\n${secret}`)
