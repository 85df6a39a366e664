// A merchant's endpoint in Node: verifies what it gets by the documented recipe and with the published
// library, each for itself, and says in its answer what they made of it.
//
// The secret is read anew for every request from the file SECRET_FILE. CLIENTS is the folder that
// scripts/clients fills.
import { createHmac, timingSafeEqual } from "node:crypto"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"

const { Webhook } = createRequire(`${process.env.CLIENTS}/`)("standardwebhooks")
const TOLERANCE_SECONDS = 300

function byRecipe(header, body, secret) {
  const { t, v1 } = Object.fromEntries(header.split(",").map((p) => p.split("=")))
  if (!t || !v1 || Math.abs(Date.now() / 1000 - Number(t)) > TOLERANCE_SECONDS) return false
  const expected = Buffer.from(createHmac("sha256", secret).update(`${t}.${body}`).digest("hex"))
  const given = Buffer.from(v1)
  return expected.length === given.length && timingSafeEqual(expected, given)
}

function byLibrary(headers, body, secret) {
  try {
    return new Webhook(secret).verify(body, headers).id === headers["webhook-id"]
  } catch {
    return false
  }
}

const server = createServer((request, response) => {
  const chunks = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString("utf8")
    const secret = readFileSync(process.env.SECRET_FILE, "utf8").trim()
    const recipe = byRecipe(request.headers["x-sellvik-signature"] ?? "", body, secret)
    const library = byLibrary(request.headers, body, secret)
    response.writeHead(recipe && library ? 200 : 401, { "Content-Type": "application/json" })
    response.end(JSON.stringify({ recipe, library }))
  })
})

server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`))
