// Drives a running simulator with openapi-fetch and only the types that openapi-typescript generates from the simulator's
// OpenAPI documents, as a user would. It exits with 1 at the first unexpected response.
import assert from "node:assert/strict";

import createClient, { type Client } from "openapi-fetch";

import { Document, names } from "./documents.js";
import type { paths as Control } from "./generated/control.js";
import type { paths as Dms } from "./generated/dms.js";
import type { paths as Lightbits } from "./generated/lightbits.js";
import type { paths as Lucidity } from "./generated/lucidity.js";
import type { paths as Lucidlink } from "./generated/lucidlink.js";

const world = "openapi-ts";
const documents = new Map(names.map((name) => [name, Document.read(name)]));

/** A client of the world whose exchanges are checked against the document. */
function client<Paths extends {}>(name: (typeof names)[number], baseUrl: string, headers: Record<string, string> = {}): Client<Paths> {
  const made = createClient<Paths>({ baseUrl, headers: { "X-Sim-World": world, ...headers } });
  made.use(documents.get(name)!.checked());
  return made;
}

/** The answer of a call that must have succeeded with a status. */
function answer<T>(status: number, a: { data?: T; error?: unknown; response: Response }): T {
  assert.equal(a.response.status, status, `${a.response.url}: ${JSON.stringify(a.error ?? a.data)}`);
  assert.equal(a.response.headers.get("X-Sim-World"), world);
  assert.ok(a.data !== undefined, a.response.url);
  return a.data;
}

/** The refusal of a call that must have been refused with a status. */
function refusal<E>(status: number, a: { error?: E; response: Response }): NonNullable<E> {
  assert.equal(a.response.status, status, a.response.url);
  assert.ok(a.error, a.response.url);
  return a.error;
}

async function validDocuments(): Promise<void> {
  for (const document of documents.values()) {
    assert.equal(await document.wrong(), undefined, document.name);
    const examples = document.examples();
    assert.ok(examples > 0, document.name);
    console.log(`openapi-ts: ${document.name} is valid, with ${examples} good examples`);
  }
  // The checks detect a fault.
  const text = JSON.stringify(documents.get("control")!.openapi);
  const broken = (old: string, now: string) => {
    assert.ok(text.includes(old), old);
    return new Document("broken", text.replace(old, now));
  };
  assert.match((await broken('"in":"path"', '"in":"heaven"').wrong()) ?? "", /heaven|const|enum|in/);
  assert.match((await broken('"responses":{', '"answers":{').wrong()) ?? "", /answers|unevaluated/);
  assert.throws(() => broken('"example":{"by":"10m"}', '"example":{"by":7}').examples(), /advance/);
}

async function lightbitsVolume(url: string, control: Client<Control>, token: string): Promise<void> {
  const lightbits = client<Lightbits>("lightbits", url, { Authorization: `Bearer ${token}` });
  const made = answer(200, await lightbits.POST("/api/v2/projects/{projectName}/volumes", {
    params: { path: { projectName: "default" } },
    body: { name: "vol1", size: "4 GiB", replicaCount: 2, acl: { values: ["ALLOW_ANY"] } },
  }));
  assert.equal(made.state, "Creating");

  const armed = answer(201, await control.POST("/_sim/faults", {
    body: { id: "busy", match: { operation: "lightbits.UpdateVolume" }, when: { times: 1 }, effect: { status: 503, retryAfter: "2s" } },
  }));
  assert.equal(armed.hits, 0);
  const update = () => lightbits.PUT("/api/v2/projects/{projectName}/volumes/{UUID}", {
    params: { path: { projectName: "default", UUID: made.UUID! } }, body: { size: "8 GiB" },
  });
  const hit = await update();
  const busy = refusal(503, hit);
  assert.ok("code" in busy && busy.code === 14, JSON.stringify(busy));
  assert.equal(hit.response.headers.get("X-Sim-Fault"), "busy");
  assert.equal(hit.response.headers.get("Retry-After"), "2");
  assert.equal(answer(200, await control.GET("/_sim/faults/{id}", { params: { path: { id: "busy" } } })).hits, 1);

  // Refused because of its state: it is still being created.
  assert.equal((await update()).response.headers.get("X-Sim-Fault"), null);
  const available = { until: { kind: "lightbits.volume", id: made.UUID!, state: "Available" } };
  const moved = answer(200, await control.POST("/_sim/clock/advance", { body: available }));
  assert.deepEqual([moved.fired.at(-1)?.kind, moved.fired.at(-1)?.to], ["lightbits.volume", "Available"]);
  answer(200, await update());
  answer(200, await control.POST("/_sim/clock/advance", { body: available }));

  const byName = answer(200, await lightbits.GET("/api/v2/projects/{projectName}/volumes/", {
    params: { path: { projectName: "default" }, query: { name: "vol1" } },
  }));
  assert.deepEqual([byName.UUID, byName.size, byName.state, byName.replicaCount], [made.UUID, "8589934592", "Available", 2]);
}

async function whatHappened(control: Client<Control>): Promise<void> {
  const journal = answer(200, await control.GET("/_sim/requests", { params: { query: { world } } }));
  assert.ok("requests" in journal); // the other form is an HTTP archive
  assert.deepEqual(journal.requests.map((x) => [x.operation, x.status, x.fault ?? ""]), [
    ["lightbits.CreateVolume", 200, ""], ["lightbits.UpdateVolume", 503, "busy"], ["lightbits.UpdateVolume", 503, ""],
    ["lightbits.UpdateVolume", 200, ""], ["lightbits.GetVolume", 200, ""],
  ]);
  const why = answer(200, await control.GET("/_sim/requests/{id}/explain", { params: { path: { id: journal.requests[2]!.id } } }));
  assert.match(why.why, /has been in state Creating since/);

  const match = { operation: "lightbits.CreateVolume" };
  assert.ok(answer(200, await control.POST("/_sim/verify", { body: { match, count: { min: 1, max: 1 }, noUnexpected: true } })).holds);
  const failed = refusal(406, await control.POST("/_sim/verify", { body: { match, count: { min: 2 } } })).checks?.[0];
  assert.deepEqual([failed?.check, failed?.holds], ["count", false]);
}

async function otherVendors(url: string, tokens: Record<string, string>): Promise<void> {
  const dms = client<Dms>("dms", url);
  const login = answer(200, await dms.POST("/login", { headers: { Authorization: "Basic " + btoa("admin:light") } }));
  const clusters = await dms.GET("/api/v1/clusters", { headers: { Authorization: `Bearer ${login.idToken}` } });
  assert.deepEqual(answer(200, clusters).clusters, []);

  const lucidlink = client<Lucidlink>("lucidlink", url);
  const token = answer(200, await lucidlink.POST("/oauth2/token", {
    body: { grant_type: "client_credentials", client_id: "lucidlink-client", client_secret: "lucidlink-secret" },
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  }));
  const bearer = { Authorization: `Bearer ${token.access_token}` };
  const domain = answer(200, await lucidlink.GET("/v1/domains", { headers: bearer }))[0]!;
  const filespace = answer(201, await lucidlink.POST("/v1/filespaces", {
    headers: bearer, body: { domain: domain.id, name: "acme", storage: { provider: "AWS", region: "eu-west-1" } },
  }));
  assert.equal(filespace.status, "provisioning");

  const lucidity = client<Lucidity>("lucidity", url, { Authorization: tokens.lucidity! });
  const tenants = answer(200, await lucidity.GET("/external/client/api/v1/tenants", { headers: { "X-Authtype": "lucidity_access_token" } }));
  assert.ok(tenants.success && tenants.data.meta.totalCount > 0);
}

async function main(url: string): Promise<void> {
  await validDocuments();
  const control = client<Control>("control", url, {});
  const outside = createClient<Control>({ baseUrl: url });
  const made = await outside.POST("/_sim/worlds", { body: { name: world, seed: 7 } });
  assert.equal(made.response.status, 201, JSON.stringify(made.error));
  const { tokens } = made.data!;
  assert.equal(answer(200, await control.PUT("/_sim/clock", { body: { mode: "frozen" } })).mode, "frozen");

  // The types have the valid words; the refusal of another word names them.
  const typo = refusal(400, await control.PUT("/_sim/clock", {
    // @ts-expect-error: not a mode
    body: { mode: "frozn" },
    headers: { "X-Wrong-On-Purpose": "yes" },
  }));
  assert.deepEqual(typo.valid, ["real", "frozen", "auto"]);

  await lightbitsVolume(url, control, tokens.lightbits!);
  await whatHappened(control);
  await otherVendors(url, tokens);

  const gone = answer(200, await control.DELETE("/_sim/worlds/{name}", { params: { path: { name: world } } }));
  assert.deepEqual(gone.leaked.map((l) => `${l.kind} ${l.name}`), ["lightbits.volume vol1", "lucidlink.filespace acme"]);
  const bodies = [...documents.values()].reduce((sum, d) => sum + d.bodies, 0);
  assert.ok(bodies > 30, `${bodies} bodies were checked`);
  console.log(`openapi-ts: five clients, every answer as expected, ${bodies} bodies as the documents say`);
}

const [url] = process.argv.slice(2);
if (!url) throw new Error("usage: main.js URL");
await main(url);
