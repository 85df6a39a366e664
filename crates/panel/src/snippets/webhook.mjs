// npm install express
import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express";

const secret = process.env.SELLVIK_WEBHOOK_SECRET;
const TOLERANCE_SECONDS = 5 * 60;

function isFromSellvik(rawBody, header) {
  const { t, v1 } = Object.fromEntries(header.split(",").map((part) => part.split("=", 2)));
  const fresh = Math.abs(Date.now() / 1000 - Number(t)) <= TOLERANCE_SECONDS;
  if (!fresh) return false;
  const expected = createHmac("sha256", secret).update(`${t}.`).update(rawBody).digest();
  const given = Buffer.from(v1 ?? "", "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const app = express();

// The signature covers the body byte for byte: no JSON middleware before this.
app.post("/sellvik-webhook", express.raw({ type: () => true, limit: "1mb" }), (req, res) => {
  if (!isFromSellvik(req.body, req.get("X-Sellvik-Signature") ?? "")) {
    return res.sendStatus(401);
  }
  const event = JSON.parse(req.body.toString("utf8"));
  // The same event may come more than once, with the same id. Answer first, work later.
  console.log(event.type, event.id);
  res.sendStatus(200);
});

app.listen(process.env.PORT ?? 3000);
