/** Equipment of the bench: answers HTTP at every address of the namespace it is started in. `deno run -A FILE PORT` */
Deno.serve(
  { port: Number(Deno.args[0]), hostname: "0.0.0.0", onListen: () => console.log("ready") },
  () => new Response("ok"),
);
