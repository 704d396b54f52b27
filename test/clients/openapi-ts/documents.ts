// Validates the OpenAPI documents of a running simulator: the documents against the published schema of OpenAPI 3.1, and
// their examples and every exchange of a client against the schemas of the documents, which are JSON Schema 2020-12.
import { readFileSync } from "node:fs";

import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { Middleware } from "openapi-fetch";

export const names = ["control", "lightbits", "dms", "lucidlink", "lucidity"] as const;

type Media = { schema: object; example?: unknown };
type Answer = { $ref?: string; content?: Record<string, Media> };
type Operation = { requestBody?: { content: Record<string, Media> }; responses: Record<string, Answer> };
type OpenAPI = { paths: Record<string, Record<string, Operation>>; components: { responses: Record<string, Answer> } };

const pointer = (...parts: string[]) => parts.map((p) => "/" + encodeURIComponent(p.replaceAll("~", "~0").replaceAll("/", "~1"))).join("");

/** A document that was read. */
export class Document {
  readonly openapi: OpenAPI;
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true, formats: { uint64: true, int64: true } });

  constructor(readonly name: string, text: string) {
    this.openapi = JSON.parse(text);
    addFormats.default(this.ajv, ["date-time", "int32", "double"]);
    this.ajv.addSchema(this.openapi, "document", false, false);
  }

  /** Reads the document of a name, as run.sh has fetched it. */
  static read(name: string): Document {
    return new Document(name, readFileSync(`generated/${name}.json`, "utf8"));
  }

  /** Says where the document differs from the schema of OpenAPI 3.1; nothing if it does not. */
  async wrong(): Promise<string | undefined> {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(JSON.parse(JSON.stringify(this.openapi)));
    if (validator.version !== "3.1") return `it is of OpenAPI ${validator.version}`;
    return valid ? undefined : JSON.stringify(errors);
  }

  /** Checks the examples of all bodies against the schemas beside them, and answers how many there are. */
  examples(): number {
    let checked = 0;
    const check = (where: string, content: Record<string, Media> | undefined) => {
      for (const [type, media] of Object.entries(content ?? {})) {
        if (media.example === undefined) continue;
        this.fits(`the example of ${where}`, where + pointer("content", type), media.example);
        checked++;
      }
    };
    for (const [path, item] of Object.entries(this.openapi.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const where = pointer("paths", path, method);
        check(where + "/requestBody", operation.requestBody?.content);
        for (const [status, answer] of Object.entries(operation.responses)) check(where + pointer("responses", status), answer.content);
      }
    }
    for (const [name, answer] of Object.entries(this.openapi.components.responses)) {
      check(pointer("components", "responses", name), answer.content);
    }
    return checked;
  }

  /** Throws where a value is not what the schema of the media type at a JSON pointer says. */
  private fits(what: string, where: string, value: unknown): void {
    const validate = this.ajv.getSchema(`document#${where}/schema`);
    if (!validate) throw new Error(`${this.name}: there is no schema at ${where}`);
    if (!validate(value)) throw new Error(`${this.name}: ${what}: ${this.ajv.errorsText(validate.errors)}`);
  }

  /** Counts the bodies that checked has looked at. */
  bodies = 0;

  /** Checks what a client made of this document asks and is answered; an exchange that differs is an error of the call. */
  checked(): Middleware {
    const json = (type: string | null) => type?.split(";")[0]?.trim() ?? "";
    return {
      onRequest: async ({ request, schemaPath }) => {
        const type = json(request.headers.get("Content-Type"));
        const where = pointer("paths", schemaPath, request.method.toLowerCase()) + "/requestBody";
        if (type !== "application/json" || request.headers.has("X-Wrong-On-Purpose")) return;
        this.fits(`the request ${request.method} ${schemaPath}`, where + pointer("content", type), await request.clone().json());
        this.bodies++;
      },
      onResponse: async ({ request, response, schemaPath }) => {
        const operation = this.openapi.paths[schemaPath]?.[request.method.toLowerCase()];
        const status = operation?.responses[response.status] ? String(response.status) : "default";
        const answer = operation?.responses[status];
        const what = `the answer ${response.status} to ${request.method} ${schemaPath}`;
        if (!answer) throw new Error(`${this.name}: ${what} is not in the document`);
        const type = json(response.headers.get("Content-Type"));
        const where = answer.$ref?.slice(1) ?? pointer("paths", schemaPath, request.method.toLowerCase(), "responses", status);
        this.fits(what, where + pointer("content", type), await response.clone().json());
        this.bodies++;
      },
    };
  }
}
