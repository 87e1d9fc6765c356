/** Test equipment: a receiver of notifications. Prints each request as a line of JSON; the first answer is 500. */
const [port = ""] = Deno.args;
let requests = 0;
const server = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  onListen: () => console.log("listening"),
}, async (request) => {
  const body = await request.text();
  const signature = request.headers.get("x-lb-signature");
  console.log(JSON.stringify({ body, signature }));
  return new Response("", { status: requests++ === 0 ? 500 : 200 });
});
await server.finished;
