/** Reads the JSON Schemas of the catalogue: what kind of field a property asks for. */

import { language, pick } from "./words.js";

/** Follows a local `$ref`; what stands beside it (a title, a default) wins. */
function follow(schema, root) {
  if (!schema?.$ref?.startsWith("#/")) return schema ?? {};
  const { $ref, ...beside } = schema;
  const target = $ref.slice(2).split("/").reduce((node, part) => node?.[part], root);
  // The note of a shared definition is the programmer's, not the property's.
  const { description, ...rest } = follow(target, root);
  return { ...rest, ...beside };
}

/** The alternatives of a property, without `null`. */
const choices = (schema, root) =>
  (schema.anyOf ?? schema.oneOf ?? []).map((each) => follow(each, root)).filter((each) => each.type !== "null");

/** One schema without references, `allOf` of one and "or null"; `nullable` says that it had that. */
function simple(given, root) {
  const schema = follow(given, root);
  const some = schema.allOf?.length === 1 ? [follow(schema.allOf[0], root)] : choices(schema, root);
  const nullable = (schema.anyOf ?? schema.oneOf ?? []).length > some.length && some.length > 0;
  const { anyOf, oneOf, allOf, ...beside } = schema;
  if (some.length === 1) return { ...simple(some[0], root), ...beside, nullable };
  return { ...schema, nullable };
}

/** Whether a property takes a picture: an object that names an upload or a URL. */
function isPicture(schema, root) {
  const some = choices(schema, root);
  return (some.length ? some : [schema]).some((each) => each.properties?.upload || (some.length > 1 && each.properties?.url));
}

/** The names of a map's keys: its own, or those of the property whose choices they are. */
function titles(schema, keys, root) {
  const beside = Object.values(root.properties ?? {});
  const all = [schema, follow(schema.propertyNames, root), ...beside].map((each) => each["x-enum-titles"]);
  return all.find((each) => each?.[keys[0]]);
}

/** The numbers that a map holds, by which keys; null where it is no such map. */
function mixture(schema, root) {
  const keys = follow(schema.propertyNames, root).enum ?? Object.keys(schema.properties ?? {});
  const first = schema.additionalProperties || Object.values(schema.properties ?? {})[0];
  const share = typeof first === "object" ? simple(first, root) : {};
  const all = { ...schema, "x-enum-titles": titles(schema, keys, root) };
  return schema.type === "object" && keys.length && share.type === "number" ? { keys, share, all } : null;
}

const bounded = ({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }) =>
  (minimum ?? exclusiveMinimum) !== undefined && (maximum ?? exclusiveMaximum) !== undefined;

/**
 * What a property asks for.
 * @returns {"picture"|"enum"|"boolean"|"slider"|"number"|"text"|"mixture"|"json"}
 */
function kindOf(schema, root) {
  if (isPicture(schema, root)) return "picture";
  if (schema.enum) return "enum";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "number" || schema.type === "integer") return bounded(schema) ? "slider" : "number";
  if (schema.type === "string") return "text";
  return mixture(schema, root) ? "mixture" : "json";
}

/**
 * The fields of an object's schema, in order.
 * @returns {{name: string, kind: string, schema: object, required: boolean, mixture: object|null}[]}
 */
export function fields(root) {
  return Object.entries(root.properties ?? {}).map(([name, given]) => {
    const schema = simple(given, root);
    const kind = "const" in schema ? "fixed" : kindOf(schema, root);
    const required = (root.required ?? []).includes(name);
    return { name, kind, schema, required, mixture: kind === "mixture" ? mixture(schema, root) : null };
  }).filter((field) => field.kind !== "fixed");
}

/** A field's name for people. */
export const title = ({ name, schema }) =>
  pick({ en: schema.title ?? name.replaceAll("_", " "), zh: schema["x-title-zh"] ?? schema.title ?? name });

/** What a field is for, where the schema says it in the page's language. */
export const description = ({ schema }) => schema[{ en: "description", zh: "x-description-zh" }[language.code]]?.replaceAll("`", "");

/** An enum's value for people. */
export const valueTitle = (schema, value) => pick(schema?.["x-enum-titles"]?.[value]) || String(value);
