// What the receiver uses of Express, for one request: the body on the standard input, the signature's
// header in SIGNATURE; prints the answer's status.
import { readFileSync } from "node:fs";

let route;

function express() {
  return {
    post(path, readBody, handler) { route = { path, readBody, handler }; },
    listen() {
      const request = { get: (name) => name === "X-Sellvik-Signature" ? process.env.SIGNATURE : undefined };
      route.readBody(request);
      route.handler(request, { sendStatus: (status) => process.stdout.write(`status ${status}\n`) });
    },
  };
}
express.raw = () => (request) => { request.body = readFileSync(0); };

export default express;
