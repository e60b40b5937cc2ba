// Renders docs/asyncapi.json: each message, its fields and an example.

/** @typedef {Record<string, any>} Json */

/** @param {string} tag @param {string} [text] @param {...Node} children */
function node(tag, text = "", ...children) {
  const created = document.createElement(tag);
  created.textContent = text;
  created.append(...children);
  return created;
}

/** @type {Json} */
const api = await (await fetch("/asyncapi.json")).json();

/** @param {Json} schema @returns {Json} */
function resolved(schema) {
  let found = schema;
  while (found.$ref) {
    const path = /** @type {string[]} */ (found.$ref.slice(2).split("/"));
    found = path.reduce((at, name) => at[name], api);
  }
  return found;
}

/** @param {Json} schema @returns {string} */
function kind(schema) {
  const { const: fixed, enum: words, type, items, anyOf } = resolved(schema);
  if (fixed !== undefined) return JSON.stringify(fixed);
  if (words) return words.join(", ");
  if (anyOf) return anyOf.map(kind).join(" or ");
  return type === "array" ? `list of ${kind(items)}` : type ?? "any";
}

/** @param {Json} payload */
function fields({ properties = {}, required = [] }) {
  const rows = Object.entries(properties).map(([name, schema]) =>
    node("tr", "", node("td", name), node("td", kind(schema)), node("td", required.includes(name) ? "always" : "optional")),
  );
  return node("table", "", node("tr", "", node("th", "field"), node("th", "values"), node("th", "present")), ...rows);
}

const fromClients = new Set(
  Object.values(api.operations)
    .filter(({ action }) => action === "receive")
    .flatMap(({ messages }) => messages)
    .map(({ $ref }) => $ref.split("/").at(-1)),
);
document.getElementById("description")?.append(api.info.description);
for (const [heading, isFromClient] of /** @type {[string, boolean][]} */ ([["From clients", true], ["To clients", false]])) {
  const names = Object.keys(api.components.messages).filter((name) => fromClients.has(name) === isFromClient);
  const parts = names.flatMap((name) => {
    const { summary = "", payload = {}, examples = [] } = api.components.messages[name];
    const sample = node("pre", examples.length ? JSON.stringify(examples[0].payload, null, 2) : "");
    return [node("h3", name), node("p", summary), fields(resolved(payload)), sample];
  });
  document.getElementById("messages")?.append(node("h2", heading), ...parts);
}
